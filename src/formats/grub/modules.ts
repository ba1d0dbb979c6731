import { alignUp } from "../../bytes/align.ts";
import { concatBytes, utf8 } from "../../bytes/text.ts";
import { MODULE_HEADER, MODULE_INFO_32, MODULE_INFO_64, OBJECT_TYPE } from "./layout.ts";
import { type GrubContent, GrubError, type GrubFiles, MAX_MODULES_BYTES, readFile } from "./model.ts";

const MODULE_NAME = /^\w{1,64}$/;
const PREFIX = /^[\x20-\x7e]{1,1024}$/;

type Dependencies = ReadonlyMap<string, readonly string[]>;

/** Lines of moddep.lst: `module: dependency dependency…`. Of two lines for one module the last counts, as for GRUB. */
function parseDependencies(text: string): Dependencies {
  const found = new Map<string, readonly string[]>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [name = "", rest, ...more] = line.split(":");
    const needs = rest?.split(/\s+/).filter(Boolean) ?? [];
    if (rest === undefined || more.length > 0 || ![name, ...needs].every((one) => MODULE_NAME.test(one))) {
      throw new GrubError("moddep_malformed", `grub: moddep.lst: "${line.slice(0, 80)}" is no list of dependencies`);
    }
    found.set(name, needs);
  }
  return found;
}

/**
 * The modules asked for and all they need, in the order grub-mkimage loads them: each behind its dependencies, and these
 * from the last of its line in moddep.lst to the first (GRUB: util/resolve.c). `moddep` is the text of moddep.lst.
 * Throws `moddep_malformed`, `module_unknown` for a name without a line and `module_cycle`.
 */
export function moduleOrder(moddep: string, wanted: readonly string[]): readonly string[] {
  const dependencies = parseDependencies(moddep);
  const ordered = new Set<string>();
  const open = new Set<string>();
  const add = (name: string): void => {
    if (ordered.has(name)) return;
    const needs = dependencies.get(name);
    if (!needs) throw new GrubError("module_unknown", `grub: module "${name.slice(0, 80)}" is not in moddep.lst`);
    if (open.has(name)) throw new GrubError("module_cycle", `grub: module ${name} needs itself`);
    open.add(name);
    for (const need of needs.toReversed()) add(need);
    open.delete(name);
    ordered.add(name);
  };
  wanted.forEach(add);
  return [...ordered];
}

/** The same with zeros behind up to a multiple of `unit` bytes. */
function padded(bytes: Uint8Array, unit: number): Uint8Array {
  return concatBytes(bytes, new Uint8Array(alignUp(bytes.length, unit) - bytes.length));
}

function terminated(text: Uint8Array): Uint8Array {
  return concatBytes(text, Uint8Array.of(0));
}

interface GrubObject {
  readonly type: number;
  readonly bytes: Uint8Array;
}

async function* objects(files: GrubFiles, { modules, prefix, config }: GrubContent): AsyncGenerator<GrubObject> {
  if (!PREFIX.test(prefix)) {
    throw new GrubError(
      "prefix_invalid",
      `grub: prefix "${prefix.slice(0, 80)}" is not 1 to 1024 printable characters`,
    );
  }
  const moddep = new TextDecoder().decode(await readFile(files, "moddep.lst"));
  for (const name of moduleOrder(moddep, modules)) {
    yield { type: OBJECT_TYPE.module, bytes: await readFile(files, `${name}.mod`) };
  }
  if (config) yield { type: OBJECT_TYPE.config, bytes: terminated(config) };
  yield { type: OBJECT_TYPE.prefix, bytes: terminated(utf8(prefix)) };
}

/**
 * The area behind the kernel: its head, then modules in load order, the configuration and the prefix, each aligned to
 * `wordBytes` (GRUB: util/mkimage.c, grub_install_generate_image). Throws `GrubError`, and what `files` rejects with.
 */
export async function moduleArea(files: GrubFiles, content: GrubContent, wordBytes: 4 | 8): Promise<Uint8Array> {
  const info = wordBytes === 8 ? MODULE_INFO_64 : MODULE_INFO_32;
  const pieces: Uint8Array[] = [];
  let size: number = info.size;
  for await (const { type, bytes } of objects(files, content)) {
    const body = padded(bytes, wordBytes);
    const entry = MODULE_HEADER.size + body.length;
    size += entry;
    if (size > MAX_MODULES_BYTES) {
      throw new GrubError("core_too_large", `grub: modules of ${size} bytes are more than ${MAX_MODULES_BYTES}`);
    }
    pieces.push(MODULE_HEADER.encode({ type, size: entry }), body);
  }
  return concatBytes(info.encode({ offset: info.size, size }), ...pieces);
}
