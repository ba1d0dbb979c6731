/** Profiles as YAML: what users and overlays write, and the dump the reference prints of them (imager.md 1.3, 1.10). */
import { TalosError } from "./errors.ts";
import type { Profile } from "./profile.ts";
import { EMPTY_PROFILE, PROFILE } from "./profile-model.ts";
import { decodeAs, FieldDecoder } from "./yaml-decode.ts";
import { emitYaml } from "./yaml-emit.ts";
import { readYaml } from "./yaml-read.ts";

/**
 * Reads the first document of a text; keys nobody knows are ignored. The caller bounds its size. Throws `profile_invalid`:
 * `EOF` for an empty text, otherwise `yaml: ` and the reason, with all faults of structure in one message.
 */
export function parseProfile(input: Uint8Array | string): Profile {
  const profile = read(input);
  if (!profile) throw new TalosError("profile_invalid", "EOF");
  return profile;
}

/** The same for a profile that an overlay brings: there an empty file is an empty profile. */
export function parseOverlayProfile(input: Uint8Array | string): Profile {
  return read(input) ?? EMPTY_PROFILE;
}

function read(input: Uint8Array | string): Profile | undefined {
  return decodeAs("profile_invalid", () => {
    const root = readYaml(input);
    if (!root) return undefined;
    const decoder = new FieldDecoder(false);
    const profile = PROFILE.decode(decoder, root);
    decoder.finish();
    return profile;
  });
}

/** Indent of the dump, and the column behind which its encoder folds at spaces (as in `extensions.yaml`). */
const INDENT = 2;
const WIDTH = 80;

/** The reference's dump, byte for byte. */
export function emitProfile(profile: Profile): string {
  return emitYaml(PROFILE.encode(profile), WIDTH, INDENT);
}
