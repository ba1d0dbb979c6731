import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { resolve } from "node:path";
import { buildNative } from "../native/build.ts";
import { ensurePackages, installLine, NATIVE_PACKAGES } from "../native/packages.ts";

/** Consumers that judge our images; a missing one fails the run before any test starts. */
const ORACLE_PACKAGES = [
  "apache2-utils",
  "binutils",
  "cpio",
  "docker-registry",
  "dosfstools",
  "e2fsprogs",
  "fdisk",
  "gdisk",
  "grub-common",
  "kmod",
  "libarchive-tools",
  "mtools",
  "openssl",
  "pigz",
  "python3",
  "qemu-utils",
  "squashfs-tools",
  "xorriso",
  "xz-utils",
  "zstd",
] as const;
const BOOT_PACKAGES = ["qemu-system-x86", "ovmf"] as const;
/** For what the short run leaves out: network boot and arm64. */
const LONG_BOOT_PACKAGES = ["ipxe-qemu", "qemu-efi-aarch64", "qemu-system-arm"] as const;

/** Of the suite that does nothing else; `npm test` runs a hundred. */
const FUZZ_CASES = "3000";

const root = resolve(import.meta.dirname, "..");

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

function needPackages(names: readonly string[]): void {
  const missing = ensurePackages(names, log);
  if (missing.length === 0) return;
  log(`these Debian packages are missing: ${missing.join(" ")}; install them with\n  ${installLine(missing)}`);
  process.exit(1);
}

/** Test files of a suite: `unit` is everything that needs no tool, no release and no virtual machine. */
function filesOf(suite: string): string[] {
  const all = globSync("test/**/*.test.ts", { cwd: root }).sort();
  const slow = (file: string): boolean => /^test\/(oracle|boot|e2e)\//.test(file);
  if (suite === "unit") return all.filter((file) => !slow(file));
  if (suite === "fuzz") return ["test/oracle/fuzz.test.ts"];
  if (suite === "boot") return all.filter((file) => file.startsWith("test/boot/"));
  return all.filter((file) => !file.startsWith("test/boot/"));
}

const [suite = "all", ...options] = process.argv.slice(2);
if (!["all", "unit", "boot", "fuzz"].includes(suite)) {
  log(`unknown suite "${suite}": use all, unit, boot or fuzz`);
  process.exit(2);
}
const short = options.includes("--short");
if (suite !== "unit") {
  const machines = [...BOOT_PACKAGES, ...(short ? [] : LONG_BOOT_PACKAGES)];
  needPackages([...NATIVE_PACKAGES, ...ORACLE_PACKAGES, ...(suite === "boot" ? machines : [])]);
}
const native = buildNative();
if (!native.ok) log(`native codec not built (${native.reason}); the slower fallback serves`);

const { status } = spawnSync(process.execPath, ["--test", "--test-timeout=900000", ...filesOf(suite)], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...(suite === "fuzz" ? { FUZZ_CASES } : {}),
    ...process.env,
    ...(short ? { BOOT_SHORT: "1" } : {}),
  },
});
process.exit(status ?? 1);
