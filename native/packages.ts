import { spawnSync } from "node:child_process";

/** dpkg-query's own placeholder for "desired and current state". */
const FORMAT = `-f=\${db:Status-Abbrev}`;

function isInstalled(name: string): boolean {
  const { stdout } = spawnSync("dpkg-query", ["-W", FORMAT, name], { encoding: "utf8" });
  return stdout?.startsWith("ii") ?? false;
}

/**
 * Makes sure Debian packages are there: installs the missing ones when this process may (root), and
 * returns the names that are still missing afterwards.
 */
export function ensurePackages(names: readonly string[], log: (line: string) => void): readonly string[] {
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length === 0 || process.getuid?.() !== 0) return missing;
  log(`installing Debian packages: ${missing.join(" ")}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = ["install", "-y", "-q", "--no-install-recommends", ...missing];
  for (const args of [["update", "-q"], install]) {
    spawnSync("apt-get", args, { env: environment, stdio: ["ignore", "ignore", 2] });
  }
  return missing.filter((name) => !isInstalled(name));
}

/** The line a person can run to get packages this process may not install. */
export function installLine(names: readonly string[]): string {
  return `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${names.join(" ")}`;
}

/** What building the native codec needs. */
export const NATIVE_PACKAGES = ["g++", "make", "python3", "liblzma-dev", "libzstd-dev"] as const;
