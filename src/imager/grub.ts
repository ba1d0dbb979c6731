import { type BlobRef, blob, type Recipe } from "../extents/index.ts";
import type { GrubFolder, GrubPlatform } from "../sources/index.ts";
import type { Arch } from "../talos/arch.ts";
import type { GrubImage } from "../workers/protocol.ts";
import type { Deriver } from "./derive.ts";
import { ImagerError } from "./errors.ts";

/** What GRUB needs to start Talos from a disk, in the reference's order (outputs.md 2.10). */
const MODULES = [
  ...["part_gpt", "ext2", "fat", "xfs", "normal", "configfile", "linux", "boot", "search", "search_fs_uuid"],
  ...["search_fs_file", "ls", "cat", "echo", "test", "help", "reboot", "halt", "all_video"],
];
const BIOS_MODULES = ["biosdisk", "part_msdos"];
/** Where GRUB finds itself on disks of every layout that has it: BOOT is always partition 3. */
const DISK_PREFIX = "(hd0,gpt3)/grub";

/** From a CD GRUB also loads modules that stand there, but what its configuration names is built in. */
const CD_MODULES = [...MODULES.filter((name) => name !== "ext2" && name !== "xfs"), "iso9660", "part_msdos"];
const CD_PREFIX = "/boot/grub";
/** An EFI program comes from a floppy image on the medium, and has to find the medium first. */
const FIND_CD = `search --file --set=root ${CD_PREFIX}/grub.cfg\nset prefix=($root)${CD_PREFIX}\n`;

const EFI_PLATFORM = { amd64: "x86_64-efi", arm64: "arm64-efi" } as const;

/** A file of GRUB's for a medium. */
export interface GrubModule {
  readonly $case: "file";
  readonly name: string;
  readonly content: Recipe;
}

/** GRUB, where something needs it. Throws `grub_missing` when the server has none. */
export function grubOf(images: GrubImages | undefined, what: string): GrubImages {
  if (images) return images;
  throw new ImagerError("grub_missing", `${what} needs GRUB's module files, and no folder with them is configured`);
}

/** GRUB's programs and modules, made of the module files that came with the server. */
export class GrubImages {
  readonly #folder: GrubFolder;
  readonly #deriver: Deriver;

  constructor(folder: GrubFolder, deriver: Deriver) {
    this.#folder = folder;
    this.#deriver = deriver;
  }

  /** `boot.img` for disks, `boot_hybrid.img` for ISOs that also start from a disk. */
  async bootSector(name: "boot.img" | "boot_hybrid.img"): Promise<Uint8Array> {
    return await this.#folder.file("i386-pc", name);
  }

  /** The core image of a disk that starts by BIOS, not yet told where it stands. */
  async core(signal: AbortSignal): Promise<BlobRef> {
    const modules = [...MODULES, ...BIOS_MODULES];
    return await this.#image({ image: "core", platform: "i386-pc", modules, prefix: DISK_PREFIX, config: "" }, signal);
  }

  /** The El Torito image of an ISO that starts by BIOS. */
  async eltorito(signal: AbortSignal): Promise<BlobRef> {
    const modules = [...CD_MODULES, "biosdisk"];
    const config = "";
    return await this.#image({ image: "eltorito", platform: "i386-pc", modules, prefix: CD_PREFIX, config }, signal);
  }

  /** The EFI program of a disk or an ISO. */
  async efi(arch: Arch, medium: "disk" | "iso", signal: AbortSignal): Promise<BlobRef> {
    const platform = EFI_PLATFORM[arch];
    const rest =
      medium === "disk"
        ? { modules: MODULES, prefix: DISK_PREFIX, config: "" }
        : { modules: CD_MODULES, prefix: CD_PREFIX, config: FIND_CD };
    return await this.#image({ image: "efi", platform, ...rest }, signal);
  }

  /** The module files of a platform, for those who type commands at GRUB's prompt. */
  async modules(platform: GrubPlatform, signal: AbortSignal): Promise<readonly GrubModule[]> {
    const description = { files: await this.#folder.digest(platform), platform };
    const input = { folder: this.#folder.path, platform };
    const { files, content } = await this.#deriver.derive({ kind: "grubModules", description, input }, signal);
    return files.map(({ name, offset, size }) => ({
      $case: "file",
      name,
      content: blob(content.digest, size, offset),
    }));
  }

  async #image(image: GrubImage, signal: AbortSignal): Promise<BlobRef> {
    const description = { files: await this.#folder.digest(image.platform), ...image };
    return await this.#deriver.derive(
      { kind: "grub", description, input: { folder: this.#folder.path, ...image } },
      signal,
    );
  }
}
