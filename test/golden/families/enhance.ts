import { type AssetLocations, type EnhanceContext, enhanceProfile } from "../../../src/talos/enhance.ts";
import type { ContainerAsset, SecureBootAssets } from "../../../src/talos/profile.ts";
import { CONTAINER_ASSET, SECUREBOOT_ASSETS } from "../../../src/talos/profile-model.ts";
import { profileFromPath } from "../../../src/talos/profile-names.ts";
import { emitProfile } from "../../../src/talos/profile-yaml.ts";
import { quirks } from "../../../src/talos/quirks.ts";
import { parseSchematic } from "../../../src/talos/schematic.ts";
import { type SchematicId, schematicId } from "../../../src/talos/schematic-emit.ts";
import { parseVersion, type TalosVersion } from "../../../src/talos/version.ts";
import { attempt, family, type GoldenContext, type Recorded, refusal } from "../family.ts";

interface EnhanceCase extends Recorded {
  readonly schematic: string;
  readonly schematic_id: string;
  readonly path: string;
  readonly version: string;
  readonly extension_set: string;
  readonly secureboot_service: boolean;
  readonly profile?: string;
  readonly error?: string;
}

/** What the factory of the recording had to offer. */
interface Fixtures {
  readonly extension_sets: Readonly<Record<string, readonly string[]>>;
  readonly overlays: readonly { readonly image: string; readonly name: string; readonly profile: string }[];
  readonly overlay_native_arch: string;
  readonly installer_image_names: { readonly "before_v1.10": string; readonly "from_v1.10": string };
  readonly secureboot_service: {
    readonly pcr_key: string;
    readonly signing_cert: string;
    readonly signing_key: string;
  };
}

const FIXTURES = "enhance_fixtures.json";

function layout(ociPath: string, imageRef = ""): ContainerAsset {
  return { ...CONTAINER_ASSET.zero, imageRef, ociPath };
}

function signing({ secureboot_service: keys }: Fixtures): SecureBootAssets {
  const { secureBootSigner, pcrSigner } = SECUREBOOT_ASSETS.zero;
  return {
    ...SECUREBOOT_ASSETS.zero,
    secureBootSigner: { ...secureBootSigner, keyPath: keys.signing_key, certPath: keys.signing_cert },
    pcrSigner: { ...pcrSigner, keyPath: keys.pcr_key },
  };
}

/** The places the recording's factory kept things in (`artifact_paths` of the fixtures). */
function locations(fixtures: Fixtures, id: SchematicId, version: TalosVersion): AssetLocations {
  const { supportsUnifiedInstaller, supportsOverlay } = quirks(version);
  const installers = fixtures.installer_image_names;
  const installer = supportsUnifiedInstaller ? installers["from_v1.10"] : installers["before_v1.10"];
  return {
    baseInstaller: (arch) => layout(`installer/${arch}/${version.tag}`, `${installer}:${version.tag}`),
    extension: (name, arch) => layout(`extension/${arch}/${name}`),
    schematicExtension: () => ({ ...CONTAINER_ASSET.zero, tarballPath: `schematics/${id}-${supportsOverlay}.tar` }),
    overlay: ({ image }, arch) => layout(`overlay/${arch}/${image}`),
  };
}

function enhanced(item: EnhanceCase, fixtures: Fixtures) {
  const schematic = parseSchematic(item.schematic);
  const version = parseVersion(item.version);
  const id = schematicId(schematic);
  const context: EnhanceContext = {
    secureboot: item.secureboot_service ? signing(fixtures) : undefined,
    extensions: fixtures.extension_sets[item.extension_set] ?? [],
    overlays: fixtures.overlays,
    locations: locations(fixtures, id, version),
    hostArch: fixtures.overlay_native_arch,
  };
  const profile = attempt(() => emitProfile(enhanceProfile(profileFromPath(item.path), schematic, version, context)));
  return { id, profile };
}

export const enhance = family<EnhanceCase>("enhance", (item, { json }: GoldenContext) => ({
  recorded: { id: item.schematic_id, profile: refusal(item.error, "4xx") ?? item.profile },
  ours: enhanced(item, json(FIXTURES) as Fixtures),
}));
