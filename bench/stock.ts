import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { splashBmp } from "../src/formats/uki/index.ts";
import { partitionPlan } from "../src/talos/bootloader.ts";
import { loaderConf, osRelease } from "../src/talos/boottext.ts";
import { parseVersion } from "../src/talos/version.ts";
import type { AssetName } from "./ours.ts";
import type { Extension, Workload } from "./workload.ts";

/** Tools of the pipelines; nginx is in nginx.ts. */
export const STOCK_PACKAGES = [
  "binutils",
  "cpio",
  "curl",
  "dosfstools",
  "gdisk",
  "mtools",
  "pigz",
  "qemu-utils",
  "squashfs-tools",
  "xorriso",
  "xz-utils",
  "zstd",
] as const;

/** Unpacks the images: boot files to `$UNPACKED/base`, extensions to `$UNPACKED/0`, `1`, … */
export const UNPACK = `
mkdir -p "$UNPACKED/base"
tar -xzf "$BASE_LAYER" -C "$UNPACKED/base"
i=0
for layer in $EXTENSION_LAYERS; do
  mkdir "$UNPACKED/$i"
  tar -xzf "$layer" -C "$UNPACKED/$i"
  i=$((i + 1))
done
cp -r "$TEXTS/schematic" "$UNPACKED/$i"
`;

/** Every extension a squashfs, all of them one compressed archive behind the base initramfs (imager.md 5.5, 5.8, 5.9). */
const INITRAMFS = `
boot="$UNPACKED/base/$BOOT_FOLDER"
mkdir stage
i=0
while [ -d "$UNPACKED/$i" ]; do
  mksquashfs "$UNPACKED/$i/rootfs" stage/$i.sqsh -all-root -noappend -no-progress -quiet \\
    -comp zstd -Xcompression-level 18
  i=$((i + 1))
done
cp "$TEXTS/extensions.yaml" stage/
(cd stage && printf '%s\\n' * | cpio --quiet --create --format newc --reproducible -R +0:+0) |
  zstd -q -T0 -18 > extensions.cpio.zst
cat "$boot/initramfs.xz" extensions.cpio.zst > initramfs
rm -r stage extensions.cpio.zst
`;

/** Sections behind those of the stub, each on a page of its own. */
const UKI = `
stub="$boot/systemd-stub.efi"
next=0
while read -r _ name size vma _ _ _; do
  [[ $name == .* ]] || continue
  end=$((16#$vma + 16#$size))
  [ $end -gt $next ] && next=$end
done < <(objdump -h "$stub")
arguments=()
section() {
  next=$(((next + 4095) / 4096 * 4096))
  arguments+=(--add-section ".$1=$2" --set-section-flags ".$1=data,readonly"
    --change-section-vma ".$1=$(printf '0x%x' $next)")
  next=$((next + $(stat -c %s "$2")))
}
for name in osrel cmdline uname splash; do section $name "$TEXTS/$name"; done
section linux "$boot/vmlinuz"
section initrd initramfs
section profile "$TEXTS/profile"
objcopy "\${arguments[@]}" "$stub" uki.efi
rm initramfs
`;

/** The tree of an ESP in folder `tree`. */
const ESP_TREE = `
mkdir -p tree/EFI/Linux tree/EFI/BOOT tree/loader
mv uki.efi "tree/EFI/Linux/Talos-$VERSION.efi"
cp "$boot/systemd-boot.efi" tree/EFI/BOOT/BOOTX64.EFI
`;

const ISO = `
cp "$TEXTS/iso-loader.conf" tree/loader/loader.conf
head -c 32 /dev/zero > tree/loader/random-seed
megabytes() { echo $((($(stat -c %s "$1") + 1048575) / 1048576)); }
truncate -s $((10 + $(megabytes tree/EFI/Linux/*) + $(megabytes tree/EFI/BOOT/BOOTX64.EFI)))M esp
mkfs.vfat -F 32 -n EFI --invariant esp > mkfs.log
mcopy -s -p -Q -m -i esp tree/EFI tree/loader ::
xorriso -as mkisofs -quiet -iso-level 3 -V TALOS -partition_offset 16 -partition_cyl_align all \\
  -iso_mbr_part_type 0x83 -append_partition 2 0xef esp -e --interval:appended_partition_2:all:: -no-emul-boot \\
  -o asset tree 2> xorriso.log
rm -r tree esp
`;

/** The raw disk. */
const DISK = `
cp "$TEXTS/disk-loader.conf" tree/loader/loader.conf
truncate -s "$DISK_BYTES" disk.raw
sgdisk $PARTITIONS disk.raw > sgdisk.log
truncate -s "$ESP_BYTES" esp
mkfs.vfat -F 32 -n EFI --invariant esp > mkfs.log
mcopy -s -p -Q -m -i esp tree/EFI tree/loader ::
rm -r tree
dd if=esp of=disk.raw bs=1M seek=1 conv=notrunc status=none
rm esp
`;

/** What becomes of the raw disk, with the options of the reference (outputs.md 4). */
const PACKED = {
  "raw-zst": "zstd -q -18 -T0 disk.raw -o asset",
  "aws-raw-zst": "zstd -q -18 -T0 disk.raw -o asset",
  "raw-xz": "xz -0 -T0 -k -c disk.raw > asset",
  "raw-tar-gz": "tar --sparse --format=gnu -cf - disk.raw | pigz -6 --no-time > asset",
  qcow2: "qemu-img convert -f raw -O qcow2 -o cluster_size=8k disk.raw asset",
  ova: "qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.raw disk.vmdk; tar -cf asset disk.vmdk; rm disk.vmdk",
} as const;

function scriptOf(name: AssetName): string {
  switch (name) {
    case "initramfs":
      return `${INITRAMFS}mv initramfs asset\n`;
    case "uki":
      return `${INITRAMFS}${UKI}mv uki.efi asset\n`;
    case "iso":
      return `${INITRAMFS}${UKI}${ESP_TREE}${ISO}`;
    default:
      return `${INITRAMFS}${UKI}${ESP_TREE}${DISK}${PACKED[name]}\nrm disk.raw\n`;
  }
}

/** The pipeline of an image; with `unpack` it starts from the source images, else from unpacked trees. */
export function stockScript(name: AssetName, unpack: boolean): string {
  const script = scriptOf(name);
  return unpack ? `${UNPACK}${script}` : script;
}

/** What the small files of an image say; they cost both sides nothing. */
export interface Facts {
  readonly schematic: string;
  readonly cmdline: string;
}

/** Writes the small files into `folder`, for the scripts' `$TEXTS`. */
export async function writeTexts(folder: string, { version }: Workload, { schematic, cmdline }: Facts): Promise<void> {
  const share = join(folder, "schematic", "rootfs", "usr", "local", "share", "schematic");
  await mkdir(share, { recursive: true });
  const files: readonly (readonly [string, string | Uint8Array])[] = [
    [join(share, "schematic.yaml"), schematic],
    [join(folder, "schematic", "manifest.yaml"), "version: v1alpha1\n"],
    [join(folder, "extensions.yaml"), "layers:\n    - image: 0.sqsh\n    - image: 1.sqsh\n    - image: 2.sqsh\n"],
    [join(folder, "osrel"), osRelease("Talos", version)],
    [join(folder, "cmdline"), cmdline],
    [join(folder, "uname"), "6.12.0-bench"],
    [join(folder, "splash"), splashBmp()],
    [join(folder, "profile"), `ID=main\nTITLE=Talos ${version}\n`],
    [join(folder, "iso-loader.conf"), loaderConf("iso", "off")],
    [join(folder, "disk-loader.conf"), loaderConf("disk", "off")],
  ];
  for (const [file, content] of files) await writeFile(file, content);
}

/** What the scripts need to know, as environment variables. */
export function stockEnvironment(
  workload: Workload,
  extensions: readonly Extension[],
  folders: { readonly texts: string; readonly unpacked: string },
  diskBytes: number,
): Readonly<Record<string, string>> {
  const plan = partitionPlan("sd-boot", parseVersion(workload.version), "amd64");
  const partitions = plan.map(({ label, sizeBytes }, i) => {
    const end = sizeBytes === 0 ? "0" : `+${sizeBytes / 1024}K`;
    return `-n ${i + 1}:0:${end} -c ${i + 1}:${label}${label === "EFI" ? ` -t ${i + 1}:ef00` : ""}`;
  });
  return {
    VERSION: workload.version,
    BOOT_FOLDER: workload.bootFolder,
    BASE_LAYER: workload.base,
    EXTENSION_LAYERS: extensions.map(({ layer }) => layer).join(" "),
    TEXTS: folders.texts,
    UNPACKED: folders.unpacked,
    DISK_BYTES: String(diskBytes),
    ESP_BYTES: String(plan.find(({ label }) => label === "EFI")?.sizeBytes ?? 0),
    PARTITIONS: partitions.join(" "),
    PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin`,
  };
}
