import { kernelCmdline, type OutputKind } from "../../../src/talos/cmdline.ts";
import { parseTolerant } from "../../../src/talos/version.ts";
import { attempt, family, type Recorded, refusal } from "../family.ts";
import { readyProfile } from "../profiles.ts";

/** A command line as asked for; `kernel_env` cases of `meta` are of the same form. */
export interface CmdlineCase extends Recorded {
  readonly platform: string;
  readonly arch: string;
  readonly version: string;
  readonly secureboot?: boolean;
  readonly outputKind: string;
  readonly extraKernelArgs?: readonly string[] | null;
  readonly overlayKernelArgs?: readonly string[] | null;
  readonly cmdline?: string;
  readonly error?: string;
}

/** The command line of an output, after the checks every profile passes first. */
export function cmdlineOf(
  item: CmdlineCase,
  meta: readonly { readonly key: number; readonly value: string }[] = [],
): string {
  const { platform, version, secureboot = false, outputKind: kind } = item;
  const extraKernelArgs = item.extraKernelArgs ?? [];
  const { arch } = readyProfile({ arch: item.arch, platform, version, secureboot, kind, extraKernelArgs, meta });
  return kernelCmdline({
    platform,
    arch,
    version: parseTolerant(version),
    kind: kind as OutputKind,
    secureboot,
    extraKernelArgs,
    meta,
    overlayArgs: item.overlayKernelArgs ?? [],
  });
}

export const cmdline = family<CmdlineCase>("cmdline", (item) => ({
  recorded: refusal(item.error) ?? item.cmdline,
  ours: attempt(() => cmdlineOf(item)),
}));
