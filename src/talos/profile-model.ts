/**
 * The fields of a profile in the order they are printed, and which of them are printed even when not set (imager.md 1.1, 1.2).
 * This one table reads, prints and merges profiles.
 */
import { BOOTLOADERS } from "./bootloader.ts";
import { ENROLL_KEYS } from "./boottext.ts";
import type { MetaValue } from "./meta.ts";
import type {
  ContainerAsset,
  Customization,
  FileAsset,
  ImageOptions,
  IsoOptions,
  PcrSigner,
  Profile,
  ProfileInput,
  ProfileOutput,
  ProfileOverlay,
  SecureBootAssets,
  SecureBootSigner,
} from "./profile.ts";
import {
  enumeration,
  flag,
  int64,
  kept,
  list,
  optional,
  options,
  struct,
  text,
  texts,
  uint,
  uint8,
} from "./profile-fields.ts";

export const FILE_ASSET = struct<FileAsset>("profile.FileAsset", { path: kept(text) });

export const CONTAINER_ASSET = struct<ContainerAsset>("profile.ContainerAsset", {
  imageRef: kept(text),
  forceInsecure: flag,
  tarballPath: text,
  ociPath: text,
});

export const SECUREBOOT_SIGNER = struct<SecureBootSigner>("profile.SigningKeyAndCertificate", {
  keyPath: text,
  certPath: text,
  azureVaultURL: text,
  azureCertificateID: text,
  awsKMSKeyID: text,
  awsRegion: text,
  awsCertPath: text,
  awsCertARN: text,
  signerAddress: text,
});

export const PCR_SIGNER = struct<PcrSigner>("profile.SigningKey", {
  keyPath: text,
  azureVaultURL: text,
  azureKeyID: text,
  azureKeyVersion: text,
  awsKMSKeyID: text,
  awsRegion: text,
  signerAddress: text,
});

export const SECUREBOOT_ASSETS = struct<SecureBootAssets>("profile.SecureBootAssets", {
  secureBootSigner: kept(SECUREBOOT_SIGNER),
  pcrSigner: kept(PCR_SIGNER),
  platformKeyPath: text,
  keyExchangeKeyPath: text,
  signatureKeyPath: text,
  includeWellKnownCerts: flag,
});

const INPUT = struct<ProfileInput>("profile.Input", {
  kernel: kept(FILE_ASSET),
  initramfs: kept(FILE_ASSET),
  sdStub: FILE_ASSET,
  sdBoot: FILE_ASSET,
  baseInstaller: CONTAINER_ASSET,
  imageCache: CONTAINER_ASSET,
  overlayInstaller: CONTAINER_ASSET,
  secureboot: optional(SECUREBOOT_ASSETS),
  systemExtensions: list("profile.ContainerAsset", CONTAINER_ASSET),
});

const OVERLAY = struct<ProfileOverlay>("profile.OverlayOptions", {
  name: kept(text),
  image: kept(CONTAINER_ASSET),
  options,
});

const enrollKeys = enumeration("profile.SDBootEnrollKeys", ENROLL_KEYS);
const bootloader = enumeration("imageropts.BootloaderKind", BOOTLOADERS);

export const IMAGE_OPTIONS = struct<ImageOptions>("profile.ImageOptions", {
  diskSize: kept(int64),
  diskFormat: enumeration("profile.DiskFormat", ["unknown", "raw", "qcow2", "vhd", "ova"]),
  diskFormatOptions: text,
  diskSectorSize: uint,
  bootloader,
  sdBootEnrollKeys: enrollKeys,
});

export const ISO_OPTIONS = struct<IsoOptions>("profile.ISOOptions", {
  sdBootEnrollKeys: kept(enrollKeys),
  bootloader,
});

export const OUTPUT_KINDS: readonly ProfileOutput["kind"][] = [
  "unknown",
  "iso",
  "image",
  "installer",
  "kernel",
  "initramfs",
  "uki",
  "cmdline",
];

const OUTPUT = struct<ProfileOutput>("profile.Output", {
  kind: kept(enumeration("profile.OutputKind", OUTPUT_KINDS)),
  imageOptions: optional(IMAGE_OPTIONS),
  isoOptions: optional(ISO_OPTIONS),
  outFormat: kept(enumeration("profile.OutFormat", ["unknown", "raw", ".tar.gz", ".xz", ".gz", ".zst"])),
});

const META_VALUE = struct<MetaValue>("meta.Value", { key: kept(uint8), value: kept(text) });

const CUSTOMIZATION = struct<Customization>("profile.CustomizationProfile", {
  extraKernelArgs: texts,
  metaContents: list("meta.Value", META_VALUE),
  embeddedMachineConfiguration: text,
});

export const PROFILE = struct<Profile>("profile.Profile", {
  baseProfileName: text,
  arch: kept(text),
  platform: kept(text),
  secureboot: kept(optional(flag)),
  name: text,
  version: kept(text),
  customization: CUSTOMIZATION,
  input: kept(INPUT),
  overlay: optional(OVERLAY),
  output: kept(OUTPUT),
});

/** The profile in which nothing is set. */
export const EMPTY_PROFILE: Profile = PROFILE.zero;

/**
 * `over` merged into `base`, field by field: what is set replaces, false replaces true, lists are joined (imager.md 1.9).
 * Throws `profile_invalid` when overlay options of one name have different types.
 */
export function mergeProfiles(base: Profile, over: Profile): Profile {
  return PROFILE.merge(base, over);
}
