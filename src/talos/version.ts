import { TalosError } from "./errors.ts";

/** A Talos version. Numbers are safe integers; build metadata survives only in `tag`. */
export interface TalosVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly prerelease?: string;
  /** The version as image tags spell it: `v` and the semantic version. */
  readonly tag: `v${string}`;
}

/** Semantic Versioning 2.0.0, grammar of section 2, 9 and 10; at most 15 digits keep numbers exact. */
const NUMBER = "(0|[1-9][0-9]{0,14})";
const IDENTIFIERS = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const SEMVER = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${IDENTIFIERS}))?(?:\\+${IDENTIFIERS})?$`);

/** No real version is longer; anything beyond is refused before it meets a pattern. */
const MAX_LENGTH = 128;

function parseSemver(text: string): TalosVersion | undefined {
  const match = text.length <= MAX_LENGTH ? SEMVER.exec(text) : null;
  if (!match) return undefined;
  const [, major, minor, patch, prerelease] = match;
  if (prerelease?.split(".").some((part) => /^0[0-9]+$/.test(part))) return undefined;
  return {
    major: Number(major),
    minor: Number(minor),
    patch: Number(patch),
    ...(prerelease === undefined ? {} : { prerelease }),
    tag: `v${text}`,
  };
}

/**
 * Reads a version as HTTP paths spell it: strict semver, one leading `v` optional (factory.md 1.7).
 * Throws `version_invalid`.
 */
export function parseVersion(text: string): TalosVersion {
  const version = parseSemver(text.startsWith("v") ? text.slice(1) : text);
  if (!version) {
    throw new TalosError("version_invalid", `version: "${text.slice(0, 60)}" is not a semantic version`);
  }
  return version;
}

/**
 * Reads a version the way registry tags and imager profiles are read: missing parts are zero, leading zeros
 * are dropped. Gives undefined ("unset", taken as the latest by most rules) for anything else (imager.md 3.1).
 */
export function parseTolerant(text: string): TalosVersion | undefined {
  const trimmed = text.slice(0, MAX_LENGTH + 1).trim();
  const [major = "", minor, ...rest] = (trimmed.startsWith("v") ? trimmed.slice(1) : trimmed).split(".");
  const parts = [major, ...(minor === undefined ? [] : [minor]), ...(rest.length > 0 ? [rest.join(".")] : [])];
  if (parts.length < 3 && /[-+]/.test(parts.at(-1)!)) return undefined;
  const plain = parts.map((part) => part.replace(/^0+(?=[0-9])/, ""));
  return parseSemver([...plain, "0", "0"].slice(0, 3).join("."));
}

/** Order by semver precedence (section 11); build metadata does not count. */
export function compareVersions(a: TalosVersion, b: TalosVersion): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch || comparePrerelease(a.prerelease, b.prerelease);
}

function comparePrerelease(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  const left = a.split(".");
  const right = b.split(".");
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compareIdentifier(left[i]!, right[i]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Numbers come before words; longer numbers are greater, which needs no conversion of long ones. */
function compareIdentifier(a: string, b: string): number {
  const numericA = /^[0-9]+$/.test(a);
  const numericB = /^[0-9]+$/.test(b);
  if (numericA !== numericB) return numericA ? -1 : 1;
  if (numericA && a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** True when major.minor.patch of `version`, its prerelease ignored, is at least the given one (imager.md 3.1). */
export function isAtLeast(version: TalosVersion, major: number, minor: number, patch = 0): boolean {
  return (version.major - major || version.minor - minor || version.patch - patch) >= 0;
}

export interface VersionFilter {
  /** Versions below this one are not offered. */
  readonly min: TalosVersion;
  /** Versions known not to work. */
  readonly broken: readonly TalosVersion[];
}

const OFFERED_PRERELEASE = /^(alpha|beta|rc)\.[0-9]+$/;

/**
 * The versions a factory offers out of the tags of the imager repository, ascending (factory.md 4.2).
 * Prereleases are offered for the newest minor release only. Tags that are no versions are ignored.
 */
export function availableVersions(tags: readonly string[], filter: VersionFilter): readonly TalosVersion[] {
  const versions = tags.map(parseTolerant).filter((version) => version !== undefined);
  versions.sort(compareVersions);
  const newest = versions.at(-1);
  return versions.filter((version) => {
    if (compareVersions(version, filter.min) < 0) return false;
    if (filter.broken.some((broken) => compareVersions(broken, version) === 0)) return false;
    if (version.prerelease === undefined) return true;
    return (
      version.major === newest!.major && version.minor === newest!.minor && OFFERED_PRERELEASE.test(version.prerelease)
    );
  });
}
