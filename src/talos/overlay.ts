/** What is said between the imager and an overlay's executable, as YAML (outputs.md 6.2). */
import { TalosError } from "./errors.ts";
import { struct, text, texts, uint } from "./profile-fields.ts";
import { decodeAs, FieldDecoder } from "./yaml-decode.ts";
import { emitYaml } from "./yaml-emit.ts";
import { readYaml } from "./yaml-read.ts";
import { type YamlMap, type YamlValue, yaml } from "./yaml-value.ts";

/** What an overlay asks for. */
export interface OverlayOptions {
  readonly name: string;
  /** They replace whole keys of the command line (imager.md 4.2). */
  readonly kernelArgs: readonly string[];
  readonly partitionOptions: {
    /** Sectors of the image by which the primary partition entry array is moved (outputs.md 6.5). */
    readonly offset: bigint;
  };
}

const OPTIONS = struct<OverlayOptions>("overlay.Options", {
  name: text,
  kernelArgs: texts,
  partitionOptions: struct<OverlayOptions["partitionOptions"]>("overlay.PartitionOptions", { offset: uint }),
});

/**
 * Reads what `get-options` printed; nothing at all asks for nothing, keys nobody knows are ignored. The caller bounds its size.
 * Throws `overlay_invalid`.
 */
export function parseOverlayOptions(output: Uint8Array): OverlayOptions {
  const parsed = decodeAs("overlay_invalid", () => {
    const root = readYaml(output);
    const decoder = new FieldDecoder(false);
    const options = OPTIONS.decode(decoder, root);
    decoder.finish();
    return options;
  });
  const cut = parsed.kernelArgs.find((arg) => arg.includes("\0"));
  if (cut === undefined) return parsed;
  throw new TalosError("overlay_invalid", `kernelArgs: ${JSON.stringify(cut.slice(0, 60))} has a NUL character`);
}

/** What `get-options` reads: the options of the profile and nothing else. */
export function optionsRequest(options: YamlMap): string {
  return emitYaml(options);
}

/** Absolute paths of what `install` works on. */
export interface InstallPaths {
  /** The disk, still without partitions. */
  readonly installDisk: string;
  /** What becomes partitions: `boot/EFI` the ESP, the rest of `boot` BOOT. */
  readonly mountPrefix: string;
  readonly artifactsPath: string;
}

/** What `install` reads; without options their key is absent. */
export function installRequest({ installDisk, mountPrefix, artifactsPath }: InstallPaths, options: YamlMap): string {
  const paths: readonly [string, YamlValue][] = [
    ["installDisk", yaml.string(installDisk)],
    ["mountPrefix", yaml.string(mountPrefix)],
    ["artifactsPath", yaml.string(artifactsPath)],
  ];
  return emitYaml(yaml.map(options.entries.length > 0 ? [...paths, ["extraOptions", options]] : paths));
}
