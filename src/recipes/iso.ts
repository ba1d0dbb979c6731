import { inline, type Recipe } from "../extents/index.ts";
import { espSectorsPerCluster, type FatEntry, fat12Floppy, fat32Volume } from "../formats/fat/index.ts";
import { type IsoEntry, isoImage } from "../formats/iso9660/index.ts";
import { directory, file } from "./boot.ts";
import { type GrubFiles, isoEspBytes, isoGrub, isoUefi, type TreeNode, type UefiFiles, withModes } from "./trees.ts";

/** What every ISO has. */
export interface IsoPlan {
  readonly volumeId: string;
  readonly volumeSetId: string;
  /** Contents of the folder `imagecache`, empty for none. */
  readonly imageCache: readonly TreeNode[];
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** GRUB for an ISO: what it starts, and itself. */
export interface IsoGrub extends GrubFiles {
  /** `boot_hybrid.img`. */
  readonly bootSector: Uint8Array;
  /** GRUB's El Torito image. */
  readonly eltorito: Uint8Array;
  /** Module files by platform. */
  readonly modules: readonly { readonly platform: string; readonly files: readonly FatEntry[] }[];
}

const ELTORITO = "/boot/grub/i386-pc/eltorito.img";
/** GRUB reads the rest of the image itself (outputs.md 3.5). */
const BIOS_ENTRY = { platform: "bios", image: { $case: "file", path: ELTORITO }, loadSectors: 4 } as const;
const ESP_ENTRY = { platform: "efi", image: { $case: "appended" } } as const;
const EFI_FLOPPY = "efi.img";

/** An ISO that boots by UEFI only (outputs.md 3.2, 3.4): the same tree in the file system and in the appended ESP. */
export function uefiIso(plan: IsoPlan, uefi: UefiFiles): Recipe {
  const tree = isoUefi(uefi);
  return isoImage({
    ...volume(plan),
    rootMode: 0o755,
    tree: [...withModes(tree), ...cache(plan)],
    elTorito: [ESP_ENTRY],
    appendedPartition: esp(plan, uefi, tree),
  });
}

/** An ISO that boots by BIOS through GRUB and by UEFI through systemd-boot (outputs.md 3.2, 3.5). */
export function hybridIso(plan: IsoPlan, uefi: UefiFiles, grub: IsoGrub): Recipe {
  const tree = isoUefi(uefi);
  return isoImage({
    ...volume(plan),
    tree: readOnly([...tree, ...isoGrub(grub, grubTree(grub)), ...cache(plan)]),
    elTorito: [BIOS_ENTRY, ESP_ENTRY],
    appendedPartition: esp(plan, uefi, tree),
    grubBoot: grub.bootSector,
  });
}

/** An ISO that boots through GRUB alone; `efi` holds its EFI programs by file name (outputs.md 3.2, 3.5). */
export function grubIso(plan: IsoPlan, grub: IsoGrub, efi: Readonly<Record<string, Recipe>>): Recipe {
  const programs = Object.entries(efi).map(([name, program]) => file(name, program));
  const floppy = fat12Floppy({ mtime: plan.mtime, tree: [directory("efi", directory("boot", ...programs))] });
  return isoImage({
    ...volume(plan),
    tree: readOnly([...isoGrub(grub, grubTree(grub)), file(EFI_FLOPPY, floppy), ...cache(plan)]),
    elTorito: [BIOS_ENTRY, { platform: "efi", image: { $case: "file", path: `/${EFI_FLOPPY}` } }],
    grubBoot: grub.bootSector,
  });
}

function volume({ volumeId, volumeSetId, mtime }: IsoPlan) {
  return { volumeId, volumeSetId, mtime };
}

function cache({ imageCache }: IsoPlan): readonly TreeNode[] {
  return imageCache.length === 0 ? [] : [{ $case: "directory", name: "imagecache", mode: 0o755, children: imageCache }];
}

/** What everybody may read and, where somebody may, execute; nobody may write (outputs.md 3.5). */
function readOnly(entries: readonly (FatEntry | TreeNode)[]): readonly IsoEntry[] {
  return entries.map((entry) => {
    if (entry.$case === "directory") return { ...entry, mode: 0o555, children: readOnly(entry.children) };
    const executable = entry.$case === "symlink" || ("mode" in entry && (entry.mode & 0o111) !== 0);
    return { ...entry, mode: executable ? 0o555 : 0o444 };
  });
}

function esp({ mtime }: IsoPlan, uefi: UefiFiles, tree: readonly FatEntry[]): Recipe {
  const sizeBytes = isoEspBytes(uefi);
  const sectorsPerCluster = espSectorsPerCluster(sizeBytes);
  return fat32Volume({ sizeBytes, sectorsPerCluster, label: "EFI", mtime, tree });
}

/** Beside `grub.cfg`: module folders with the El Torito image, and those grub-mkrescue leaves for what Talos has not. */
function grubTree({ modules, eltorito }: IsoGrub): readonly FatEntry[] {
  const platforms = modules.map(({ platform, files }) =>
    directory(platform, ...files, ...(platform === "i386-pc" ? [file("eltorito.img", inline(eltorito))] : [])),
  );
  return [...platforms, directory("fonts"), directory("locale"), directory("roms")];
}
