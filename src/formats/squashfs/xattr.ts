import { compareText, concatBytes, utf8 } from "../../bytes/text.ts";
import { type BlockEncoder, type BlockOutput, MetadataTable, refNumber } from "./blocks.ts";
import { NO_TABLE, NONE, words, XATTR_PREFIXES, xattrId, xattrKey, xattrTableHeader, xattrValue } from "./layout.ts";
import { type SquashfsAttributes, SquashfsError } from "./model.ts";

type Xattrs = NonNullable<SquashfsAttributes["xattrs"]>;

/** Linux limits: XATTR_NAME_MAX and XATTR_SIZE_MAX (linux/limits.h). */
const NAME_BYTES = 255;
const VALUE_BYTES = 65536;

/** Throws `entry_invalid` for names outside the three namespaces and for what Linux could not give back. */
export function checkXattrs(path: string, xattrs: Xattrs): void {
  for (const [name, value] of xattrs) {
    const reason = xattrProblem(name, value);
    if (reason)
      throw new SquashfsError("entry_invalid", `squashfs: xattr "${name.slice(0, 80)}" of "${path}" ${reason}`);
  }
}

function xattrProblem(name: string, value: Uint8Array): string | undefined {
  const prefix = prefixOf(name);
  if (prefix === undefined) return "is not in the user, trusted or security namespace";
  if (name.length === prefix.length) return "has no name behind its namespace";
  if (name.includes("\0") || !name.isWellFormed()) return "has a name that is no text";
  if (utf8(name).length > NAME_BYTES) return `has a name longer than ${NAME_BYTES} bytes`;
  if (value.length > VALUE_BYTES) return `has a value of ${value.length} bytes, over ${VALUE_BYTES}`;
  return undefined;
}

function prefixOf(name: string): string | undefined {
  return XATTR_PREFIXES.find((prefix) => name.startsWith(prefix));
}

/** The extended attributes of an image; nodes with the same ones share a set. */
export class XattrTable {
  readonly #encode: BlockEncoder;
  readonly #pairs: MetadataTable;
  readonly #ids: Uint8Array[] = [];
  readonly #known = new Map<string, number>();

  constructor(encode: BlockEncoder) {
    this.#encode = encode;
    this.#pairs = new MetadataTable(encode);
  }

  /** The number of this set of attributes, or NONE for an empty one. */
  async idOf(xattrs: Xattrs | undefined): Promise<number> {
    if (!xattrs || xattrs.size === 0) return NONE;
    const sorted = [...xattrs].sort(([a], [b]) => compareText(a, b));
    const pairs = concatBytes(...sorted.map(([name, value]) => encodePair(name, value)));
    const key = Buffer.from(pairs).toString("latin1");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const id = this.#ids.length;
    // What listxattr returns: all full names, each with its NUL.
    const size = sorted.reduce((sum, [name]) => sum + utf8(name).length + 1, 0);
    this.#ids.push(xattrId.encode({ ref: refNumber(this.#pairs.position), count: sorted.length, size }));
    this.#known.set(key, id);
    await this.#pairs.append(pairs);
    return id;
  }

  /** Writes the table, and gives where its header is; "all ones" when no node has attributes. */
  async writeTo(output: BlockOutput): Promise<bigint> {
    if (this.#ids.length === 0) return NO_TABLE;
    const start = await this.#pairs.writeTo(output);
    const ids = new MetadataTable(this.#encode);
    for (const id of this.#ids) await ids.append(id);
    const idStart = await ids.writeTo(output);
    const header = output.position;
    await output.write(xattrTableHeader.encode({ start, ids: this.#ids.length }));
    await output.write(
      words(
        64,
        ids.starts.map((at) => idStart + at),
      ),
    );
    return BigInt(header);
  }
}

function encodePair(name: string, value: Uint8Array): Uint8Array {
  const prefix = prefixOf(name)!;
  const rest = utf8(name.slice(prefix.length));
  return concatBytes(
    xattrKey.encode({ prefix: (XATTR_PREFIXES as readonly string[]).indexOf(prefix), nameSize: rest.length }),
    rest,
    xattrValue.encode({ size: value.length }),
    value,
  );
}
