import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { MiB } from "../bytes/align.ts";
import { compareText } from "../bytes/text.ts";
import { SourceError } from "./errors.ts";

/** GRUB's names of the platforms Talos boots on; each is a folder of module files. */
export type GrubPlatform = "i386-pc" | "x86_64-efi" | "arm64-efi";

/** The largest file of GRUB 2.14 has 0.6 MB, and a platform has some 300. */
const MAX_FILE_BYTES = 8 * MiB;
const MAX_FILES = 2000;
/** What images are made of; the rest of a folder is tools and translations. */
const USED = /\.(?:mod|img|lst)$/;

const PLATFORMS: readonly GrubPlatform[] = ["i386-pc", "x86_64-efi", "arm64-efi"];
/** Older ones do not read the XFS of Talos 1.13 and later (outputs.md 2.9.4). */
const OLDEST = { major: 2, minor: 14 };
const VERSION = /\0([0-9]{1,3})\.([0-9]{1,3})[-+.~0-9A-Za-z]{0,40}\0/;

/** A folder with GRUB's module files as distributions install them: `<folder>/<platform>/*.mod`, `*.img`, `*.lst`. */
export class GrubFolder {
  readonly #folder: string;
  readonly #digests = new Map<GrubPlatform, Promise<string>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  get path(): string {
    return this.#folder;
  }

  /**
   * Makes sure that all platforms are there, of a GRUB that reads the file systems of every Talos version.
   * Throws `not_found`, `malformed`.
   */
  async check(): Promise<void> {
    for (const platform of PLATFORMS) {
      for (const name of ["moddep.lst", "kernel.img", "xfs.mod"]) await this.file(platform, name);
      const normal = Buffer.from(await this.file(platform, "normal.mod")).toString("latin1");
      // The module that draws the menu holds the version, a C string of its own.
      const [, major, minor] = VERSION.exec(normal) ?? [];
      if (Number(major) > OLDEST.major || (Number(major) === OLDEST.major && Number(minor) >= OLDEST.minor)) continue;
      const found = major === undefined ? "of an unknown version" : `${major}.${minor}`;
      throw new SourceError("malformed", `GRUB ${platform}: is ${found}, not ${OLDEST.major}.${OLDEST.minor} or later`);
    }
  }

  /** A file by its plain name. Throws `not_found`, `too_large`, `malformed`. */
  async file(platform: GrubPlatform, name: string): Promise<Uint8Array> {
    const what = `GRUB ${platform}/${name.slice(0, 80)}`;
    if (!/^[A-Za-z0-9_.+-]+$/.test(name) || name.startsWith(".")) {
      throw new SourceError("malformed", `${what}: not a file name`);
    }
    const file = await open(join(this.#folder, platform, name), constants.O_RDONLY | constants.O_NONBLOCK).catch(
      (cause: unknown) => {
        throw new SourceError("not_found", `${what}: not in the folder of GRUB modules`, { cause });
      },
    );
    try {
      const { size } = await file.stat();
      if (size > MAX_FILE_BYTES) throw new SourceError("too_large", `${what}: more than ${MAX_FILE_BYTES} bytes`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  }

  /** SHA-256 (hex) over names and contents of all files images of a platform are made of; read once. */
  digest(platform: GrubPlatform): Promise<string> {
    const known = this.#digests.get(platform);
    if (known) return known;
    const reading = this.#read(platform);
    this.#digests.set(platform, reading);
    reading.catch(() => this.#digests.delete(platform));
    return reading;
  }

  /** Names of the files images of a platform are made of, sorted. Throws `not_found`, `too_large`. */
  async names(platform: GrubPlatform): Promise<readonly string[]> {
    const all = await readdir(join(this.#folder, platform)).catch((cause: unknown) => {
      throw new SourceError("not_found", `GRUB ${platform}: not in the folder of GRUB modules`, { cause });
    });
    const names = all.filter((name) => USED.test(name)).sort(compareText);
    if (names.length > MAX_FILES) throw new SourceError("too_large", `GRUB ${platform}: more than ${MAX_FILES} files`);
    return names;
  }

  async #read(platform: GrubPlatform): Promise<string> {
    const hash = createHash("sha256");
    for (const name of await this.names(platform)) {
      const bytes = await this.file(platform, name);
      hash.update(`${name} ${bytes.length}\n`).update(bytes);
    }
    return hash.digest("hex");
  }
}
