import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { tools } from "../../../fixtures/unpack.ts";

export interface Xfsprogs {
  /** Standard output of a program; throws with what it said when it fails. */
  run(program: string, ...args: readonly string[]): string;
  /** The options file of a feature set. */
  options(features: string): string;
}

/** An xfsprogs that knows the features of Linux 6.18. */
export async function xfsprogs(): Promise<Xfsprogs> {
  const { folder, command } = await tools("xfsprogs", () => undefined);
  // mkfs.xfs makes what depends on no clock and no chance only when it is told so.
  const env = { ...process.env, LC_ALL: "C", SOURCE_DATE_EPOCH: "1559424892", DETERMINISTIC_SEED: "1" };
  return {
    run: (program, ...args) => {
      const [file, ...rest] = command(join("usr/sbin", program));
      return execFileSync(file!, [...rest, ...args], { encoding: "utf8", env, stdio: "pipe" });
    },
    options: (features) => join(folder, "usr/share/xfsprogs/mkfs", `${features}.conf`),
  };
}
