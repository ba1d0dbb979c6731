import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSchematic } from "../../src/talos/schematic.ts";
import { emitSchematic } from "../../src/talos/schematic-emit.ts";
import { emitYaml } from "../../src/talos/yaml-emit.ts";
import { yaml } from "../../src/talos/yaml-value.ts";
import { loadVectors } from "./vectors.ts";

interface Row {
  readonly about: string;
  readonly input: string;
  readonly canonical?: string;
  /** The words of the refusal, true where only the fact counts. */
  readonly error?: string | true;
}

test("what the reference's YAML library reads, and what it refuses", () => {
  for (const { about, input, canonical, error } of loadVectors<Row>("yaml")) {
    const name = `${about}: ${JSON.stringify(input)}`;
    if (error === undefined) assert.equal(emitSchematic(parseSchematic(input)), canonical, name);
    else {
      const message = error === true ? /./ : error;
      assert.throws(() => parseSchematic(input), { code: "schematic_invalid", message }, name);
    }
  }
});

/** Text of a list item at indent 2 and width 40, as the reference's encoder writes it. */
const FOLDED: readonly (readonly [text: string, lines: string])[] = [
  ["word ".repeat(12).trim(), "word word word word word word word word\n    word word word word"],
  [`'${"word ".repeat(9)}'`, "'''word word word word word word word\n    word word '''"],
  [`\u0001${"word  ".repeat(8)}x`, '"\\x01word  word  word  word  word  word\n    \\ word  word  x"'],
  ["word\u2028word", "'word\u2028    word'"],
  ["x".repeat(60), "x".repeat(60)],
];

test("long values fold only where that is asked for", () => {
  for (const [text, lines] of FOLDED) {
    const map = yaml.map([["k", yaml.seq([yaml.string(text)])]]);
    assert.equal(emitYaml(map, 40, 2), `k:\n  - ${lines}\n`);
    assert.equal(emitYaml(map).split("\n").length, 3);
  }
});

test("values below keys that are no simple keys", () => {
  const map = yaml.map([["a\nb", yaml.map([["k".repeat(129), yaml.seq([yaml.seq([yaml.int(1), yaml.int(2)])])]])]]);
  assert.equal(emitYaml(map), `? |-\n    a\n    b\n:   ? ${"k".repeat(129)}\n    :   - - 1\n          - 2\n`);
});
