/** The kernel command line: an ordered list of keys with their values, and its construction (imager.md 4.1, 4.2, 4.4). */
import type { Arch } from "./arch.ts";
import { TalosError } from "./errors.ts";
import { encodeMeta, type MetaValue } from "./meta.ts";
import { NVME_TIMEOUT, platformOf } from "./platform.ts";
import { type Quirks, quirks } from "./quirks.ts";
import type { TalosVersion } from "./version.ts";

/** One key and all its values; an empty value is a bare word. A key without values keeps its place for later ones. */
export interface KernelArg {
  readonly key: string;
  readonly values: readonly string[];
}

/** Keys are unique. */
export type Cmdline = readonly KernelArg[];

/** What Unicode calls white space; unlike `\s` it has U+0085 and lacks U+FEFF. */
const WHITE_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** Splits at white space (there is no quoting); the values of a repeated key gather at its first place. */
export function parseCmdline(text: string): Cmdline {
  const byKey = new Map<string, string[]>();
  for (const token of text.split(WHITE_SPACE)) {
    if (token === "") continue;
    const split = token.indexOf("=");
    const key = split < 0 ? token : token.slice(0, split);
    const values = byKey.get(key) ?? [];
    values.push(split < 0 ? "" : token.slice(split + 1));
    byKey.set(key, values);
  }
  return Array.from(byKey, ([key, values]) => ({ key, values }));
}

/** One line, no newline. An empty value is written without `=`. */
export function renderCmdline(cmdline: Cmdline): string {
  return cmdline
    .flatMap(({ key, values }) => values.map((value) => (value === "" ? key : `${key}=${value}`)))
    .join(" ")
    .replace(/ +$/, "");
}

/** A command line after changes to the values of its keys, each found at once however many there are. */
function edited(cmdline: Cmdline, edit: (byKey: Map<string, readonly string[]>) => void): Cmdline {
  const byKey = new Map(cmdline.map(({ key, values }) => [key, values]));
  edit(byKey);
  return Array.from(byKey, ([key, values]) => ({ key, values }));
}

/**
 * Replaces the values of each key of a list of arguments, each of which may hold several, in its place, or adds the key at
 * the end.
 */
function setAll(cmdline: Cmdline, args: readonly string[]): Cmdline {
  return edited(cmdline, (byKey) => {
    for (const { key, values } of parseCmdline(args.join(" "))) byKey.set(key, values);
  });
}

export interface AppendOptions {
  /** Keys that replace instead of gathering. */
  readonly overwrite?: readonly string[];
  /** `-key` removes a key, `-key=value` one value of it. */
  readonly negation?: boolean;
}

/**
 * Appends a list of arguments, each of which may hold several, behind the values their keys have; equal ones are kept twice.
 * They are grouped by key before anything else happens, so the order between different tokens of one key is lost: an
 * observable rule, not an accident (imager.md 4.1).
 */
export function appendAll(cmdline: Cmdline, args: readonly string[], options: AppendOptions = {}): Cmdline {
  return edited(cmdline, (byKey) => {
    for (const { key, values } of parseCmdline(args.join(" "))) {
      if (options.negation && key.length > 1 && key.startsWith("-")) remove(byKey, key.slice(1), values);
      else byKey.set(key, options.overwrite?.includes(key) ? values : [...(byKey.get(key) ?? []), ...values]);
    }
  });
}

function remove(byKey: Map<string, readonly string[]>, key: string, values: readonly string[]): void {
  const old = byKey.get(key);
  const removed = new Set(values);
  if (values[0] === "") byKey.delete(key);
  else if (old)
    byKey.set(
      key,
      old.filter((value) => !removed.has(value)),
    );
}

/** What is being built, as far as the command line cares. */
export type OutputKind = "iso" | "image" | "installer" | "kernel" | "initramfs" | "uki" | "cmdline";

export interface CmdlineInput {
  readonly platform: string;
  readonly arch: Arch;
  /** Undefined for a version string that does not parse. */
  readonly version: TalosVersion | undefined;
  readonly kind: OutputKind;
  readonly secureboot: boolean;
  readonly extraKernelArgs: readonly string[];
  /** Ignored for disk images, which carry META in a partition of their own. */
  readonly meta: readonly MetaValue[];
  /** What the overlay's installer asks for. */
  readonly overlayArgs?: readonly string[];
}

function defaultArgs(q: Quirks): readonly string[] {
  const when = (condition: boolean, ...args: readonly string[]): readonly string[] => (condition ? args : []);
  return [
    ...when(!q.dropInitOnAlloc, "init_on_alloc=1"),
    "slab_nomerge",
    "pti=on",
    "consoleblank=0",
    ...when(!q.nvmeTimeoutOnAWSOnly, NVME_TIMEOUT),
    "printk.devkmsg=on",
    ...when(q.supportsIMA, "ima_template=ima-ng", "ima_appraise=fix", "ima_hash=sha512"),
    ...when(q.supportsSELinux, "selinux=1"),
    ...when(q.enforcesModuleSignatures, "module.sig_enforce=1"),
    ...when(q.procMemOverrideNever, "proc_mem.force_override=never"),
  ];
}

/**
 * The kernel command line of an output, without newline (imager.md 4.2). Throws `platform_unknown`, and `profile_invalid` for a
 * NUL character: white space of any kind only separates arguments, but the kernel reads no further than a NUL.
 */
export function kernelCmdline(input: CmdlineInput): string {
  const platform = platformOf(input.platform);
  const q = quirks(input.version);
  let line: Cmdline = [{ key: "talos.platform", values: [platform.name] }];
  line = setAll(line, platform.args(input.arch, q));
  if (input.kind === "iso" && q.supportsHaltIfInstalled) line = appendAll(line, ["talos.halt_if_installed=1"]);
  line = setAll(line, input.overlayArgs ?? []);
  line = appendAll(line, defaultArgs(q));
  if (input.secureboot && q.forcesLockdownConfidentiality) line = appendAll(line, ["lockdown=confidentiality"]);
  if (input.meta.length > 0 && input.kind !== "image") {
    line = appendAll(line, [`talos.environment=INSTALLER_META_BASE64=${encodeMeta(input.meta, q)}`]);
  }
  const cut = input.extraKernelArgs.find((arg) => arg.includes("\0"));
  if (cut !== undefined) {
    const shown = JSON.stringify(cut.slice(0, 60));
    throw new TalosError("profile_invalid", `extraKernelArgs: ${shown} has a NUL character, which ends a command line`);
  }
  line = appendAll(line, input.extraKernelArgs, { overwrite: ["console", "talos.platform"], negation: true });
  return renderCmdline(line);
}
