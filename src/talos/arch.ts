import { TalosError } from "./errors.ts";

/** CPU architectures Talos is built for, as OCI platforms and file names spell them. */
export type Arch = "amd64" | "arm64";

export const ARCHS: readonly Arch[] = ["amd64", "arm64"];

/** Names iPXE and older clients use (factory.md 3.1). */
const ALIASES: Readonly<Record<string, Arch>> = { amd64: "amd64", arm64: "arm64", x86_64: "amd64", i386: "amd64" };

/** Reads an architecture or one of its aliases. Throws `arch_invalid`. */
export function parseArch(text: string): Arch {
  const arch = Object.hasOwn(ALIASES, text) ? ALIASES[text] : undefined;
  if (arch === undefined) throw new TalosError("arch_invalid", `invalid architecture: ${JSON.stringify(text)}`);
  return arch;
}

/** The suffix UEFI removable-media file names carry: `BOOT<suffix>.EFI` (UEFI 2.10 section 3.5.1.1). */
export function efiSuffix(arch: Arch): "X64" | "AA64" {
  return arch === "amd64" ? "X64" : "AA64";
}
