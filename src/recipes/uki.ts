import { utf8 } from "../bytes/text.ts";
import { inline, type Recipe } from "../extents/index.ts";
import { splash, type UkiProfile, ukiImage, ukiSections } from "../formats/uki/index.ts";

/** A boot menu entry beside the main one, with its own command line. */
export interface ExtraProfile {
  readonly profile: string;
  readonly cmdline: string;
}

export interface UkiPlan {
  /** The first bytes of the stub, holding all its headers. */
  readonly stubHead: Uint8Array;
  readonly stub: Recipe;
  readonly osrel: string;
  readonly cmdline: string;
  readonly uname: string | undefined;
  readonly kernel: Recipe;
  readonly initramfs: Recipe;
  /** Text of the main profile; undefined for releases that know no profiles, which get no extra one either. */
  readonly mainProfile: string | undefined;
  readonly extraProfile: ExtraProfile | undefined;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

const SPLASH = splash();

function text(content: string): Recipe {
  return inline(utf8(content));
}

/** The unsigned UKI of an output (imager.md 6.1). */
export function uki(plan: UkiPlan): Recipe {
  const { mainProfile, extraProfile } = plan;
  const profiles: UkiProfile[] = [];
  if (mainProfile !== undefined) {
    profiles.push({ profile: text(mainProfile) });
    if (extraProfile) profiles.push({ profile: text(extraProfile.profile), cmdline: text(extraProfile.cmdline) });
  }
  const sections = ukiSections({
    osrel: text(plan.osrel),
    cmdline: text(plan.cmdline),
    uname: plan.uname === undefined ? undefined : text(plan.uname),
    splash: SPLASH,
    linux: plan.kernel,
    initrd: plan.initramfs,
    profiles,
  });
  return ukiImage({ stub: plan.stubHead, stubContent: plan.stub, sections, timestamp: plan.timestamp });
}
