/**
 * An imager profile: what is built, of what and how (imager.md 1.1). A field that is not set is undefined where absence means
 * something of its own, else "", 0, an empty list or the first word of its enumeration.
 */
import type { BootloaderKind } from "./bootloader.ts";
import type { EnrollKeys } from "./boottext.ts";
import type { OutputKind } from "./cmdline.ts";
import { TalosError } from "./errors.ts";
import type { MetaValue } from "./meta.ts";
import type { Compression, DiskFormat } from "./platform.ts";
import { quirks } from "./quirks.ts";
import { parseTolerant } from "./version.ts";
import type { YamlMap } from "./yaml-value.ts";

export interface FileAsset {
  readonly path: string;
}

/** A container image: of these a tarball comes before a layout, a layout before a reference. */
export interface ContainerAsset {
  readonly imageRef: string;
  /** The registry is asked over plain HTTP, or HTTPS whoever signed for it. */
  readonly forceInsecure: boolean;
  readonly tarballPath: string;
  readonly ociPath: string;
}

/** Who signs PE images; exactly one way is used, an address first, then a file. */
export interface SecureBootSigner {
  readonly keyPath: string;
  readonly certPath: string;
  readonly azureVaultURL: string;
  readonly azureCertificateID: string;
  readonly awsKMSKeyID: string;
  readonly awsRegion: string;
  readonly awsCertPath: string;
  readonly awsCertARN: string;
  /** Of a signer service, `unix://…`. */
  readonly signerAddress: string;
}

/** Who signs PCR policies. */
export interface PcrSigner {
  readonly keyPath: string;
  readonly azureVaultURL: string;
  readonly azureKeyID: string;
  readonly azureKeyVersion: string;
  readonly awsKMSKeyID: string;
  readonly awsRegion: string;
  readonly signerAddress: string;
}

export interface SecureBootAssets {
  readonly secureBootSigner: SecureBootSigner;
  readonly pcrSigner: PcrSigner;
  /** Ready-made PK, KEK and db as `.auth` files; all three or none. */
  readonly platformKeyPath: string;
  readonly keyExchangeKeyPath: string;
  readonly signatureKeyPath: string;
  readonly includeWellKnownCerts: boolean;
}

export interface ProfileInput {
  readonly kernel: FileAsset;
  readonly initramfs: FileAsset;
  readonly sdStub: FileAsset;
  readonly sdBoot: FileAsset;
  readonly baseInstaller: ContainerAsset;
  readonly imageCache: ContainerAsset;
  readonly overlayInstaller: ContainerAsset;
  readonly secureboot: SecureBootAssets | undefined;
  readonly systemExtensions: readonly ContainerAsset[];
}

export interface ProfileOverlay {
  readonly name: string;
  readonly image: ContainerAsset;
  /** Keys are strings, in canonical order. */
  readonly options: YamlMap;
}

export interface ImageOptions {
  /** Bytes, any signed 64-bit number. */
  readonly diskSize: bigint;
  readonly diskFormat: DiskFormat | "unknown";
  /** In qemu-img's spelling. */
  readonly diskFormatOptions: string;
  /** Bytes, any unsigned 64-bit number; 0 stands for 512. */
  readonly diskSectorSize: bigint;
  readonly bootloader: BootloaderKind;
  readonly sdBootEnrollKeys: EnrollKeys;
}

export interface IsoOptions {
  readonly sdBootEnrollKeys: EnrollKeys;
  readonly bootloader: BootloaderKind;
}

export interface ProfileOutput {
  readonly kind: OutputKind | "unknown";
  readonly imageOptions: ImageOptions | undefined;
  readonly isoOptions: IsoOptions | undefined;
  /** What the output is packed with at the end. */
  readonly outFormat: `.${Compression}` | "raw" | "unknown";
}

export interface Customization {
  /** One item may hold several arguments. */
  readonly extraKernelArgs: readonly string[];
  readonly metaContents: readonly MetaValue[];
  readonly embeddedMachineConfiguration: string;
}

export interface Profile {
  /** Of the profile this one stands on; empty once it is resolved. */
  readonly baseProfileName: string;
  /** Checked by `validateProfile`. */
  readonly arch: string;
  readonly platform: string;
  /** Undefined counts as false. */
  readonly secureboot: boolean | undefined;
  /** Of the operating system. */
  readonly name: string;
  /** Exactly as given; the rules read it tolerantly. */
  readonly version: string;
  readonly customization: Customization;
  readonly input: ProfileInput;
  readonly overlay: ProfileOverlay | undefined;
  readonly output: ProfileOutput;
}

/**
 * Checks a profile with its defaults filled in, in the reference's order; the first failure counts (imager.md 1.6).
 * Throws `profile_invalid`, `profile_unsupported`.
 */
export function validateProfile(profile: Profile): void {
  const { arch, platform, secureboot, version, output } = profile;
  const q = quirks(parseTolerant(version));
  must(arch === "amd64" || arch === "arm64", `invalid arch ${JSON.stringify(arch)}`);
  must(platform !== "", "platform is required");
  if (secureboot && !q.supportsUKI) {
    throw unsupported(`secureboot is not supported for Talos version ${JSON.stringify(version)}`);
  }
  const { kind, imageOptions, isoOptions } = output;
  must(kind !== "unknown", "unknown output kind");
  if (kind === "iso" && q.isoSupportsSettingBootloader) {
    must(isoOptions?.bootloader !== "none", "bootloader cannot be 'none' for ISO output");
  }
  if (kind === "image") {
    must(imageOptions !== undefined, "image options are required for image output");
    must(imageOptions?.diskSize !== 0n, "disk size is required for image output");
    must(imageOptions?.bootloader !== "none", "bootloader cannot be 'none' for disk image output");
  }
  const excess = excessOf(profile);
  if (excess !== undefined) throw unsupported(`${excess} is not supported for ${kind} output`);
}

/** The first thing a profile asks for that an output of its kind has no place for. */
function excessOf({ secureboot, customization, output: { kind } }: Profile): string | undefined {
  const bare = kind === "kernel" || kind === "initramfs";
  if (bare && secureboot) return "secureboot";
  if (bare && customization.extraKernelArgs.length > 0) return "customization of kernel args";
  const metaless = bare || kind === "installer";
  return metaless && customization.metaContents.length > 0 ? "customization of meta partition" : undefined;
}

function must(holds: boolean, message: string): void {
  if (!holds) throw new TalosError("profile_invalid", message);
}

function unsupported(message: string): TalosError {
  return new TalosError("profile_unsupported", message);
}
