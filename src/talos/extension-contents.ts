/** Which files a system extension may carry (imager.md 5.3, rule 3). The imager itself builds images without this check. */
import { TalosError } from "./errors.ts";

/** Plain prefixes, not folders: `/usr/local` also allows `/usr/localx` (imager.md 5.3). */
const ALLOWED: readonly string[] = [
  "/etc/cri/conf.d",
  "/usr/lib/firmware",
  "/usr/lib/modules",
  "/usr/lib/ld-linux-x86-64.so.2",
  "/usr/lib/ld-linux-aarch64.so.1",
  "/usr/bin/ldconfig",
  "/etc/ld.so.conf",
  "/etc/ld.so.cache",
  "/usr/bin/nvidia-modprobe",
  "/usr/bin/nvidia-pcc",
  "/usr/bin/nvidia-smi",
  "/usr/bin/nvidia-ctk",
  "/usr/bin/nvidia-cdi-hook",
  "/usr/bin/nvme",
  "/usr/lib/udev/rules.d",
  "/usr/local",
  "/usr/share/glvnd",
  "/usr/share/egl",
  "/etc/vulkan",
];

/** A file of an extension; `path` is relative to its rootfs, anything but the first three types is a special file. */
export interface ContentEntry {
  readonly path: string;
  readonly type: "dir" | "file" | "symlink" | "fifo" | "device" | "socket";
}

/** Throws `extension_invalid` for special files and for files outside the places extensions may use. */
export function checkExtensionContents(entries: readonly ContentEntry[]): void {
  for (const { path, type } of entries) {
    const name = JSON.stringify(`/${path}`.slice(0, 200));
    if (type !== "dir" && type !== "file" && type !== "symlink") {
      throw new TalosError("extension_invalid", `special files are not allowed: ${name}`);
    }
    if (type !== "dir" && !ALLOWED.some((prefix) => `/${path}`.startsWith(prefix))) {
      throw new TalosError("extension_invalid", `path ${name} is not allowed in extensions`);
    }
  }
}
