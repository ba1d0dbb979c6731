import { MiB } from "../../../src/bytes/align.ts";
import type { XfsEntry, XfsFeatureSet } from "../../../src/formats/xfs/index.ts";
import { BOOT, bootTree } from "./trees.ts";

/** More than two groups of a 1000 MiB volume hold. */
const FULL = bootTree(90 * MiB, 400 * MiB);

/**
 * Features, sector size, MiB, tree, and the SHA-256 over each block of 4096 bytes that is not all zero, with its number
 * as 64 bits before it, of what xfsprogs 7.2.0 makes:
 * `SOURCE_DATE_EPOCH=1559424892 DETERMINISTIC_SEED=1 mkfs.xfs -n ftype=1 -c options=<features>.conf -f -L BOOT
 * -s size=<sector size> -p <protofile> -m uuid=24c73076-4092-85dd-9d98-686a2dbf6d81 <file>`.
 */
export const MKFS: readonly (readonly [XfsFeatureSet, number, number, readonly XfsEntry[], string])[] = [
  ["lts_6.1", 512, 1000, BOOT.tree, "911de573be8d78d415f91d59a49a6282bc804ea7b9035ea1ae59fa47c8d5a17f"],
  ["lts_6.1", 512, 2000, BOOT.tree, "0613d02b508c7ee4435a205a2e0556ee44f712024bd58a33fbdf39f32b208a7b"],
  ["lts_6.1", 4096, 1000, BOOT.tree, "034838545b855ed52022097dcfcf99ce4aa3a1b864ef5d89332962206964dd15"],
  ["lts_6.1", 4096, 2000, BOOT.tree, "2c8691afacf57e4b30b169337f092f9dc62eddd93d2fe7b6ee75b44d18e59c8d"],
  ["lts_6.6", 512, 1000, BOOT.tree, "064d3272d574438e869b5128b82d2066f222c1d2c2dcd78932c74a11ecefe934"],
  ["lts_6.6", 512, 2000, BOOT.tree, "51df6621ab530c692523ef70c55d1c731532c5c634d7b59150d532e50293eeb7"],
  ["lts_6.6", 4096, 1000, BOOT.tree, "26693a1908dbe97d0d5b9be455466bb8ee2d41d2ccf0f8188aadf2d50fcb2395"],
  ["lts_6.6", 4096, 2000, BOOT.tree, "4b90039ede4835b65b4a1fe3718c5c6db191ede45bdbdfff6fd1a86c86a33922"],
  ["lts_6.12", 512, 1000, BOOT.tree, "064d3272d574438e869b5128b82d2066f222c1d2c2dcd78932c74a11ecefe934"],
  ["lts_6.12", 4096, 2000, BOOT.tree, "4b90039ede4835b65b4a1fe3718c5c6db191ede45bdbdfff6fd1a86c86a33922"],
  ["lts_6.18", 512, 1000, BOOT.tree, "d911c2d5381ff25c8ebacf2c060de789e298729c07420d24b9cefc1704632567"],
  ["lts_6.18", 512, 2000, BOOT.tree, "04ec4eb0e1c03e189fc3680606071c6a6231f2730545866ed8d1e9d969e4079d"],
  ["lts_6.18", 4096, 1000, BOOT.tree, "2d8b446a8c6f0c7c336db513ebf1f4c81195d0e0786ab293f9d29bab68475db3"],
  ["lts_6.18", 4096, 2000, BOOT.tree, "d2e66c0610f991cfd8c03ed3c4cc0a860cc5d9aa66d63d20295806c09397aaa4"],
  ["lts_6.1", 512, 433, BOOT.tree, "41ac59da17767d900cd0eb03f63d27320b8637e28290453b81835a9b7dc6bc4f"],
  ["lts_6.1", 4096, 433, BOOT.tree, "3c04e29aae40e79a8809644326bb5695cf13707638e8ac5e92fd367d8c284092"],
  ["lts_6.18", 512, 433, BOOT.tree, "306df9bb54790d872df612c05b14443307a4a82b99c14434c5d819aa1aa1db70"],
  ["lts_6.18", 4096, 433, BOOT.tree, "2d736bc3d704a72546808e9721873c3f7980179cea3804e5cef5768827223f19"],
  ["lts_6.1", 512, 1000, FULL, "8104acd62c8db2b632fe50d72191f41f085231587832e67f9c3d8d46f826c60c"],
  ["lts_6.1", 4096, 1000, FULL, "5e77445d0847b0590ad3be4144916f5a643ad3d3a67b1bae1defaa617db91206"],
  ["lts_6.18", 512, 1000, FULL, "7489598850f3cbb22798360f90c6cb45dce4dff3dffb62955f79ba2d0a217544"],
  ["lts_6.18", 4096, 1000, FULL, "44993b76fe07392aab21053440c911a5c43b8379c6e6b71bae3c9f5b227a931c"],
];
