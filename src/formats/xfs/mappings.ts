/** Owners of blocks that are no files (XFS "Reverse-Mapping Btree"); those of files are inode numbers. */
export const OWNER = { headers: -3n, log: -4n, freeSpace: -5n, inodeTrees: -6n, inodes: -7n, references: -8n } as const;

/** Blocks of a group and who owns them. */
export interface Mapping {
  readonly start: number;
  readonly count: number;
  readonly owner: bigint;
  /** In blocks of the owner's file; 0 for owners that are no files. */
  readonly offset: number;
}

/** Who owns which blocks of a group, in ascending order; neighbours that continue each other are one. */
export class Mappings {
  readonly #list: Mapping[] = [];

  get list(): readonly Mapping[] {
    return this.#list;
  }

  add(mapping: Mapping): void {
    const list = this.#list;
    const found = list.findLastIndex(({ start }) => start < mapping.start) + 1;
    const before = list[found - 1];
    const after = list[found];
    let { start, count, offset } = mapping;
    let [from, to] = [found, found];
    if (before && continues(before, mapping)) {
      from--;
      start = before.start;
      count += before.count;
      offset = before.offset;
    }
    if (after && continues(mapping, after)) {
      to++;
      count += after.count;
    }
    list.splice(from, to - from, { start, count, owner: mapping.owner, offset });
  }
}

function continues(a: Mapping, b: Mapping): boolean {
  return a.owner === b.owner && a.start + a.count === b.start && (a.owner < 0n || a.offset + a.count === b.offset);
}
