/**
 * Kernel modules and the files `depmod` (kmod) derives from them, byte for byte (imager.md 5.4).
 *
 * Read: modules as ELF-64, little-endian, for x86-64 and AArch64, already decompressed: exported and needed symbols,
 * aliases, soft and weak dependencies. Versions of symbols are not compared, as depmod does not without `-E`.
 * Written: modules.dep, .alias, .symbols, .softdep, .weakdep, .devname, .builtin and .builtin.alias, those of them
 * that have one as text and as index. They differ between releases of kmod; which one is meant is a parameter.
 * Refused: ELF-32 and other machines, tables that point outside of the file, modules that need each other in a
 * circle, non-ASCII text where an index would hold it. depmod itself passes over modules it cannot read.
 * Not done: options of depmod beyond `search extras built-in`; modules that are part of the kernel as well, whose
 * aliases depmod takes from the kernel's list when an earlier run left one.
 *
 * | limit | value |
 * |---|---|
 * | modules of one release | 65534 |
 * | alias, line of a list | 4094 bytes |
 * | index file | 256 MiB |
 */

export { readModule } from "./elf.ts";
export {
  type IndexFile,
  type KernelLists,
  type KernelModule,
  KmodError,
  type KmodErrorCode,
  type KmodRelease,
  type ModuleFacts,
  type ModuleInfo,
} from "./model.ts";
export { selectModules } from "./names.ts";
export { type KmodInput, moduleIndexes } from "./write.ts";
