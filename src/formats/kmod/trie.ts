import { u8, u32be } from "../../bytes/struct.ts";
import { INDEX_MAGIC, INDEX_VERSION, indexHeader, NODE_FLAGS, NODE_OFFSET_LIMIT } from "./layout.ts";
import { KmodError, type KmodRelease, TEXT_LIMIT } from "./model.ts";

interface Value {
  readonly text: string;
  readonly priority: number;
}

/** A node of the prefix tree: what keys have in common from here on, and where they part. */
class Node {
  prefix: string;
  values: Value[];
  children: Map<number, Node>;

  constructor(prefix: string, values: Value[] = [], children = new Map<number, Node>()) {
    this.prefix = prefix;
    this.values = values;
    this.children = children;
  }

  /** Cuts the prefix at `length`: what stood behind it moves into a child. */
  split(length: number): void {
    const below = new Node(this.prefix.slice(length + 1), this.values, this.children);
    this.children = new Map([[this.prefix.charCodeAt(length), below]]);
    this.prefix = this.prefix.slice(0, length);
    this.values = [];
  }

  /** Values stand by ascending priority; among equals the last one added comes first. */
  add(value: Value): void {
    const at = this.values.findIndex(({ priority }) => priority >= value.priority);
    this.values.splice(at < 0 ? this.values.length : at, 0, value);
  }

  get range(): { readonly first: number; readonly last: number } {
    const codes = [...this.children.keys()];
    return { first: Math.min(...codes), last: Math.max(...codes) };
  }

  get flags(): number {
    const { prefix, values, children } = NODE_FLAGS;
    return (this.prefix ? prefix : 0) + (this.values.length ? values : 0) + (this.children.size ? children : 0);
  }

  /** Bytes of the node itself. */
  get size(): number {
    const { first, last } = this.range;
    const links = this.children.size === 0 ? 0 : 2 * u8.size + (last - first + 1) * u32be.size;
    const prefix = this.prefix === "" ? 0 : this.prefix.length + 1;
    const values = this.values.reduce((sum, { text }) => sum + u32be.size + text.length + 1, 0);
    return prefix + links + (this.values.length === 0 ? 0 : u32be.size + values);
  }

  get inOrder(): [number, Node][] {
    return [...this.children].sort(([a], [b]) => a - b);
  }
}

function check(text: string): void {
  if (text.length >= TEXT_LIMIT) throw new KmodError("index_unsupported", `index: text of ${text.length} bytes`);
  // An index has room for 7 bits of a character, and a NUL ends it.
  if (!/^[\x01-\x7f]*$/.test(text)) {
    throw new KmodError("index_unsupported", `index: ${JSON.stringify(text.slice(0, 120))} is not ASCII`);
  }
}

/** An index from keys to values as depmod builds it and `modprobe` searches it (kmod: libkmod/libkmod-index.c). */
export class Index {
  readonly #root = new Node("");

  /** Adds a value; lower priorities are found first. Throws `index_unsupported` for text that is not ASCII. */
  insert(key: string, text: string, priority: number): void {
    check(key);
    check(text);
    const value = { text, priority };
    let node = this.#root;
    for (let at = 0; ; at++) {
      const { prefix } = node;
      let common = 0;
      while (common < prefix.length && prefix[common] === key[at + common]) common++;
      if (common < prefix.length) node.split(common);
      at += common;
      if (at === key.length) {
        node.add(value);
        return;
      }
      const code = key.charCodeAt(at);
      const child = node.children.get(code);
      if (!child) {
        node.children.set(code, new Node(key.slice(at + 1), [value]));
        return;
      }
      node = child;
    }
  }

  /** The file. Throws `index_unsupported` when it would be larger than its offsets can say. */
  encode(release: KmodRelease): Uint8Array {
    const nodes: Node[] = [];
    if (release >= 34) parentsFirst(this.#root, nodes);
    else childrenFirst(this.#root, nodes);
    const references = new Map<Node, number>();
    let size: number = indexHeader.size;
    for (const node of nodes) {
      references.set(node, size + node.flags);
      size += node.size;
    }
    if (size > NODE_OFFSET_LIMIT) throw new KmodError("index_unsupported", `index of ${size} bytes`);
    const out = Buffer.alloc(size);
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    const root = references.get(this.#root)!;
    indexHeader.write(view, 0, { magic: INDEX_MAGIC, version: INDEX_VERSION, root });
    let at: number = indexHeader.size;
    for (const node of nodes) at = writeNode(node, references, out, view, at);
    return out;
  }
}

function parentsFirst(node: Node, into: Node[]): void {
  into.push(node);
  for (const [, child] of node.inOrder) parentsFirst(child, into);
}

function childrenFirst(node: Node, into: Node[]): void {
  for (const [, child] of node.inOrder) childrenFirst(child, into);
  into.push(node);
}

/** Writes one node at `start` and gives the offset behind it. */
function writeNode(
  node: Node,
  references: ReadonlyMap<Node, number>,
  out: Buffer,
  view: DataView,
  start: number,
): number {
  let at = start;
  const text = (value: string): void => {
    at += out.write(value, at, "latin1") + 1;
  };
  const word = (value: number): void => {
    u32be.write(view, at, value);
    at += u32be.size;
  };
  if (node.prefix !== "") text(node.prefix);
  if (node.children.size > 0) {
    const { first, last } = node.range;
    for (const code of [first, last]) {
      u8.write(view, at, code);
      at += u8.size;
    }
    for (let code = first; code <= last; code++) {
      const child = node.children.get(code);
      word(child ? references.get(child)! : 0);
    }
  }
  if (node.values.length > 0) {
    word(node.values.length);
    for (const value of node.values) {
      word(value.priority);
      text(value.text);
    }
  }
  return at;
}
