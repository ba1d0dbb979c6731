/**
 * Tar archives in GNU tar's own format (its manual, "Basic Tar Format" and "Storing Sparse Files"), as GNU tar writes them.
 *
 * Written: regular files, and sparse files in the old GNU form: holes are left out and told by a map. Not written: other
 * kinds of members, long names, PAX records. Bodies stay extents and are never read.
 *
 * | limit | value |
 * |---|---|
 * | name | 100 bytes of ASCII |
 * | owner names | 32 bytes of ASCII |
 * | size, offsets, time | 2^53 - 1 |
 */
export { TarError, type TarErrorCode, type TarFile } from "./model.ts";
export { readTar } from "./read.ts";
export { tarArchive } from "./write.ts";
