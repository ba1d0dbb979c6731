/** Texts boot loaders, UKIs and ISO volumes carry. `versionText` is the version exactly as given, `v` included. */
import type { OutputKind } from "./cmdline.ts";
import { quirks } from "./quirks.ts";
import { parseTolerant } from "./version.ts";

/** How systemd-boot treats the SecureBoot keys on the medium. */
export type EnrollKeys = "if-safe" | "manual" | "force" | "off";

export const ENROLL_KEYS: readonly EnrollKeys[] = ["if-safe", "manual", "force", "off"];

/**
 * `loader.conf` of systemd-boot. ISOs always say whether keys are enrolled; disk images say it only when they are
 * (outputs.md 2.7.1, 3.3). Without SecureBoot pass `off`.
 */
export function loaderConf(medium: "disk" | "iso", enroll: EnrollKeys): string {
  const head = "# systemd-boot configuration\n\ntimeout 10\n";
  return medium === "disk" && enroll === "off" ? head : `${head}\nsecure-boot-enroll ${enroll}\n`;
}

/** The name of an ISO before it is fitted to a volume id; SecureBoot does not show in it (outputs.md 3.5). */
export function isoLabel(versionText: string): string {
  return `Talos-${versionText}`;
}

/** ISO 9660 volume id and volume set id, undefined for releases that set none (outputs.md 3.5). */
export function isoVolume(versionText: string): { readonly id: string; readonly setId: string } | undefined {
  if (!quirks(parseTolerant(versionText)).supportsISOLabel) return undefined;
  const setId = isoLabel(versionText);
  return { id: isoVolumeId(setId), setId };
}

/** A label as an ISO 9660 volume id: d-characters, at most 32 (ECMA-119 7.4.1, 8.4.7). */
export function isoVolumeId(label: string): string {
  // Rune by rune: a letter whose capital is two letters is dropped, not spelled out.
  const runes = [...label].map((rune) => rune.toUpperCase().replace(/[-.]/, "_"));
  return runes
    .filter((rune) => /^[A-Z0-9_]$/.test(rune))
    .join("")
    .slice(0, 32);
}

/** `os-release` of an image: its `.osrel` section (imager.md 6.2). */
export function osRelease(name: string, versionText: string): string {
  return [
    `NAME="${name}"`,
    `ID=${name.toLowerCase().replaceAll(" ", "_")}`,
    `VERSION_ID=${versionText}`,
    `PRETTY_NAME="${name} (${versionText})"`,
    'HOME_URL="https://www.talos.dev/"',
    'BUG_REPORT_URL="https://github.com/siderolabs/talos/issues"',
    'VENDOR_NAME="Sidero Labs"',
    'VENDOR_URL="https://www.siderolabs.com/"',
    "",
  ].join("\n");
}

/** One boot entry of a UKI: the text of its `.profile` section and the command line it boots with if not the main one. */
export interface UkiProfileText {
  readonly profile: string;
  readonly cmdline?: string;
}

/** The text of a `.profile` section. */
export function profileText(id: string, title = ""): string {
  return title === "" ? `ID=${id}` : `ID=${id}\nTITLE=${title}`;
}

/** The profiles of a UKI, the main one first; none for releases that know none (imager.md 6.1). */
export function ukiProfiles(kind: OutputKind, versionText: string, cmdline: string): readonly UkiProfileText[] {
  if (!quirks(parseTolerant(versionText)).supportsUKIProfiles) return [];
  const main: UkiProfileText = { profile: profileText("main") };
  switch (kind) {
    case "iso":
      return [
        main,
        { profile: profileText("reset", "Reset system disk"), cmdline: `${cmdline} talos.experimental.wipe=system` },
      ];
    case "image":
    case "installer":
      return [
        main,
        {
          profile: profileText("reset-maintenance", "Reset to maintenance mode"),
          cmdline: `${cmdline} talos.experimental.wipe=system:EPHEMERAL,STATE`,
        },
      ];
    default:
      return [main];
  }
}
