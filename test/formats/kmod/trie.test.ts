import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { indexHeader, NODE_FLAGS, NODE_OFFSET_LIMIT } from "../../../src/formats/kmod/layout.ts";
import { Index } from "../../../src/formats/kmod/trie.ts";

/** What an index holds for a key, found as modprobe does it: one node after the other. */
function search(file: Uint8Array, key: string): { text: string; priority: number }[] {
  const bytes = Buffer.from(file);
  let at = 0;
  const text = (): string => {
    const end = bytes.indexOf(0, at);
    const found = bytes.toString("latin1", at, end);
    at = end + 1;
    return found;
  };
  const word = (): number => {
    at += 4;
    return bytes.readUInt32BE(at - 4);
  };
  let reference = indexHeader.decode(bytes).root;
  for (let rest = key; ; ) {
    at = reference % NODE_OFFSET_LIMIT;
    const has = (flag: number): boolean => Math.floor(reference / flag) % 2 === 1;
    const prefix = has(NODE_FLAGS.prefix) ? text() : "";
    if (!rest.startsWith(prefix)) return [];
    rest = rest.slice(prefix.length);
    const links = new Map<number, number>();
    if (has(NODE_FLAGS.children)) {
      const [first, last] = [bytes[at++]!, bytes[at++]!];
      for (let code = first; code <= last; code++) links.set(code, word());
    }
    if (rest === "") {
      const count = has(NODE_FLAGS.values) ? word() : 0;
      return Array.from({ length: count }, () => ({ priority: word(), text: text() }));
    }
    reference = links.get(rest.charCodeAt(0)) ?? 0;
    if (reference === 0) return [];
    rest = rest.slice(1);
  }
}

const HEAD = "b007f457 00020001";

function hex(text: string): string {
  return text.replaceAll(" ", "");
}

test("an empty index is its header", () => {
  for (const release of [30, 34] as const) {
    assert.equal(Buffer.from(new Index().encode(release)).toString("hex"), hex(`${HEAD} 0000000c`));
  }
});

test("children stand before their node up to release 33, behind it from 34 on", () => {
  const index = new Index();
  index.insert("ab", "ab.ko:", 1);
  index.insert("ac", "ac.ko:", 0);
  const leaves = "00000001 00000001 61622e6b6f3a00 00000001 00000000 61632e6b6f3a00";
  const before = `${HEAD} 20000034 ${leaves} 6263 4000000c 4000001b 6161 2000002a`;
  const behind = `${HEAD} 2000000c 6161 20000012 6263 4000001c 4000002b ${leaves}`;
  assert.equal(Buffer.from(index.encode(33)).toString("hex"), hex(before));
  assert.equal(Buffer.from(index.encode(34)).toString("hex"), hex(behind));
});

test("equal priorities come last added first, others ascending", () => {
  const index = new Index();
  for (const [text, priority] of [
    ["a", 5],
    ["b", 1],
    ["c", 5],
    ["d", 9],
    ["a", 5],
  ] as const) {
    index.insert("key", text, priority);
  }
  assert.deepEqual(
    search(index.encode(30), "key").map(({ text }) => text),
    ["b", "a", "c", "a", "d"],
  );
});

test("every key is found with its values, others are not, in either arrangement", () => {
  const key = fc.string({ unit: fc.constantFrom(..."ab:_*"), maxLength: 8 });
  const entry = fc.record({
    key,
    text: fc.string({ unit: fc.constantFrom(..."xyz"), maxLength: 3 }),
    priority: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 40 }), key, (entries, other) => {
      const index = new Index();
      for (const { key: name, text, priority } of entries) index.insert(name, text, priority);
      for (const release of [30, 34] as const) {
        const file = index.encode(release);
        for (const name of [...entries.map((item) => item.key), other]) {
          const expected = entries
            .filter((item) => item.key === name)
            .map(({ text, priority }) => `${priority} ${text}`);
          const found = search(file, name);
          assert.deepEqual(found.map(({ text, priority }) => `${priority} ${text}`).sort(), expected.sort());
          assert.ok(found.every(({ priority }, i) => i === 0 || found[i - 1]!.priority <= priority));
        }
      }
    }),
  );
});
