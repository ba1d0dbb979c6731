import { execFileSync } from "node:child_process";

/** What `qemu-img` prints; throws unless it is content. */
export function qemuImg(...args: readonly string[]): string {
  return execFileSync("qemu-img", args, { encoding: "utf8", stdio: "pipe" });
}
