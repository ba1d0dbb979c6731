/** What GRUB reads: `grub.cfg` of disk images and ISOs, and its quoting. */
import { quirks } from "./quirks.ts";
import { parseTolerant } from "./version.ts";

/** Where kernel and initramfs stand on a disk's BOOT partition, and in an ISO (outputs.md 2.9.1, 3.2). */
const ON_DISK = { kernel: "/A/vmlinuz", initramfs: "/A/initramfs.xz" };
const ON_ISO = { kernel: "/boot/vmlinuz", initramfs: "/boot/initramfs.xz" };

/** A command line as a word of GRUB's script language; spaces stay bare, `linux` joins its arguments (outputs.md 2.9.2). */
export function grubQuote(text: string): string {
  return text.replace(/[\\{}&$|;<>"]/g, "\\$&");
}

/** The text `grubQuote` quoted. */
export function grubUnquote(quoted: string): string {
  return quoted.replace(/\\([\\{}&$|;<>"])/g, "$1");
}

interface MenuEntry {
  readonly title: string;
  readonly indent: string;
  readonly files: typeof ON_DISK;
  /** Quoted. */
  readonly cmdline: string;
}

function menuEntry({ title, indent, files, cmdline }: MenuEntry): readonly string[] {
  const commands = [
    "set gfxmode=auto",
    "set gfxpayload=text",
    `linux ${files.kernel} ${cmdline}`,
    `initrd ${files.initramfs}`,
  ];
  return [`menuentry "${title}" {`, ...commands.map((command) => indent + command), "}"];
}

const CONSOLE = ["insmod all_video", "", "terminal_input console", "terminal_output console", ""];

/**
 * `grub.cfg` of a disk image (outputs.md 2.9.2). Images that boot by GRUB alone offer the reset entry only where the release
 * knows it; those with both boot loaders always do.
 */
export function diskGrubConfig(bootloader: "grub" | "dual-boot", versionText: string, cmdline: string): string {
  const title = `A - Talos ${versionText}`;
  const entry = { title, indent: "  ", files: ON_DISK, cmdline: grubQuote(cmdline) };
  const reset = {
    ...entry,
    title: "Reset Talos installation and return to maintenance mode",
    cmdline: `${entry.cmdline} talos.experimental.wipe=system:EPHEMERAL,STATE`,
  };
  const offersReset = bootloader === "dual-boot" || quirks(parseTolerant(versionText)).supportsResetGrubOption;
  return [
    `set default="${title}"`,
    "",
    "set timeout=3",
    "",
    ...CONSOLE,
    ...menuEntry(entry),
    ...(offersReset ? menuEntry(reset) : []),
    "",
  ].join("\n");
}

/** `grub.cfg` of an ISO (outputs.md 3.3). */
export function isoGrubConfig(versionText: string, cmdline: string): string {
  const entry = { title: "Talos ISO", indent: "\t", files: ON_ISO, cmdline: grubQuote(cmdline) };
  const reset = {
    ...entry,
    title: "Reset Talos installation",
    cmdline: `${entry.cmdline} talos.experimental.wipe=system`,
  };
  const offersReset = quirks(parseTolerant(versionText)).supportsResetGrubOption;
  return [
    "set default=0",
    "set timeout=3",
    "",
    ...CONSOLE,
    ...menuEntry(entry),
    "",
    ...(offersReset ? menuEntry(reset) : []),
    "",
  ].join("\n");
}
