import { FactoryError } from "../../errors.ts";

export type KmodErrorCode = "module_malformed" | "module_unsupported" | "dependency_cycle" | "index_unsupported";

export class KmodError extends FactoryError<KmodErrorCode> {}

/**
 * Whose output is wanted. Up to 32 there is no `modules.weakdep`; up to 33 index files hold the children of a node
 * before the node itself, from 34 on behind it. 30 stands for 30 to 32, 34 for 34 and later.
 */
export type KmodRelease = 30 | 33 | 34;

/** One `key=value` of a module's description; without `=` the value is empty. */
export interface ModuleInfo {
  readonly key: string;
  readonly value: string;
}

/**
 * What depmod takes from a module file. All text is one code unit per byte (Latin-1), so that whatever bytes a module
 * holds come out again unchanged.
 */
export interface ModuleFacts {
  /** Aliases and soft and weak dependencies, in the order of the file. */
  readonly info: readonly ModuleInfo[];
  /** Names of exported symbols. */
  readonly exports: readonly string[];
  /** Names of symbols others must export, in the order of the file. */
  readonly needs: readonly string[];
}

/** A module of a kernel release. */
export interface KernelModule {
  /** Relative to the folder of the release: `kernel/net/dummy.ko`. */
  readonly path: string;
  readonly facts: ModuleFacts;
}

/** Files the kernel's build leaves beside the modules; a list that is not there is undefined. */
export interface KernelLists {
  /** `modules.order`: paths, one a line, in the order they are to be tried. */
  readonly order?: Uint8Array | undefined;
  /** `modules.builtin`: paths of what is part of the kernel itself. */
  readonly builtin?: Uint8Array | undefined;
  /** `modules.builtin.modinfo`: `name.key=value` with a NUL behind each. */
  readonly builtinModinfo?: Uint8Array | undefined;
}

/** A file that belongs directly into the folder of the release. */
export interface IndexFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Bounds of text a module or list may hold: PATH_MAX of Linux, which depmod's own buffers have. */
export const TEXT_LIMIT = 4095;
/** Modules of one release (depmod counts them in 16 bits). */
export const MODULES_LIMIT = 0xfffe;
