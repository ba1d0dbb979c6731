/** The kernel command line: an ordered list of keys with their values, and its construction (imager.md 4.1, 4.2, 4.4). */
import type { Arch } from "./arch.ts";
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

/** Replaces the values of a key in its place, or adds the key at the end. */
export function setArg(cmdline: Cmdline, arg: KernelArg): Cmdline {
  const found = cmdline.some(({ key }) => key === arg.key);
  return found ? cmdline.map((old) => (old.key === arg.key ? arg : old)) : [...cmdline, arg];
}

/** Adds values behind those the key has; equal ones are kept twice. */
export function appendArg(cmdline: Cmdline, { key, values }: KernelArg): Cmdline {
  const old = cmdline.find((arg) => arg.key === key)?.values ?? [];
  return setArg(cmdline, { key, values: [...old, ...values] });
}

/** `setArg` for each key of a list of arguments, each of which may hold several. */
export function setAll(cmdline: Cmdline, args: readonly string[]): Cmdline {
  return parseCmdline(args.join(" ")).reduce(setArg, cmdline);
}

export interface AppendOptions {
  /** Keys that replace instead of gathering. */
  readonly overwrite?: readonly string[];
  /** `-key` removes a key, `-key=value` one value of it. */
  readonly negation?: boolean;
}

/**
 * Appends a list of arguments, each of which may hold several. They are grouped by key before anything else happens, so
 * the order between different tokens of one key is lost: an observable rule, not an accident (imager.md 4.1).
 */
export function appendAll(cmdline: Cmdline, args: readonly string[], options: AppendOptions = {}): Cmdline {
  return parseCmdline(args.join(" ")).reduce((line, arg) => {
    if (options.negation && arg.key.length > 1 && arg.key.startsWith("-")) return remove(line, arg);
    return options.overwrite?.includes(arg.key) ? setArg(line, arg) : appendArg(line, arg);
  }, cmdline);
}

function remove(cmdline: Cmdline, negated: KernelArg): Cmdline {
  const key = negated.key.slice(1);
  if (negated.values[0] === "") return cmdline.filter((arg) => arg.key !== key);
  return cmdline.map((arg) =>
    arg.key === key ? { key, values: arg.values.filter((value) => !negated.values.includes(value)) } : arg,
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

/** The kernel command line of an output, without newline (imager.md 4.2). Throws `platform_unknown`. */
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
    const env = `INSTALLER_META_BASE64=${encodeMeta(input.meta, q)}`;
    line = appendArg(line, { key: "talos.environment", values: [env] });
  }
  line = appendAll(line, input.extraKernelArgs, { overwrite: ["console", "talos.platform"], negation: true });
  return renderCmdline(line);
}
