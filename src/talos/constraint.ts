/** Version constraints of system extensions, a semver range grammar with its own turns (imager.md 5.3). */
import { TalosError } from "./errors.ts";
import { compareVersions, parseTolerant, type TalosVersion } from "./version.ts";

type Test = (version: TalosVersion) => boolean;

const COMPARATORS: Readonly<Record<string, (order: number) => boolean>> = {
  "": (order) => order === 0,
  "=": (order) => order === 0,
  "==": (order) => order === 0,
  "!": (order) => order !== 0,
  "!=": (order) => order !== 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
};

/** Longer texts are no constraints. */
const MAX_LENGTH = 1024;

function invalid(constraint: string, reason: string): TalosError {
  return new TalosError("extension_invalid", `version constraint "${constraint.slice(0, 80)}": ${reason}`);
}

/**
 * Throws `extension_incompatible` when major.minor.patch of a release does not meet the constraint (empty: always met), and
 * `extension_invalid` when the constraint does not parse. A version that is unset meets every constraint that parses.
 */
export function checkConstraint(constraint: string, version: TalosVersion | undefined): void {
  if (constraint === "") return;
  const met = parseConstraint(constraint);
  if (version === undefined) return;
  const { major, minor, patch } = version;
  const release = `${major}.${minor}.${patch}`;
  if (!met({ major, minor, patch, tag: `v${release}` })) {
    throw new TalosError(
      "extension_incompatible",
      `version constraint ${constraint} can't be satisfied with Talos version ${release}`,
    );
  }
}

function parseConstraint(constraint: string): Test {
  if (constraint.length > MAX_LENGTH) throw invalid(constraint, "too long");
  const parts = splitParts(constraint.replace(/v(?=[0-9])/g, ""));
  const alternatives: Test[][] = [[]];
  for (const part of parts) {
    if (part === "||") alternatives.push([]);
    else alternatives.at(-1)!.push(parsePart(constraint, part));
  }
  if (alternatives.some((tests) => tests.length === 0)) throw invalid(constraint, "nothing to compare with");
  return (version) => alternatives.some((tests) => tests.every((test) => test(version)));
}

/** Spaces separate, but not right behind a comparator; what is only one character long is passed over. */
function splitParts(text: string): readonly string[] {
  return text
    .replace(/([<>=]) +/g, "$1")
    .split(" ")
    .filter((part) => part.length > 1);
}

function parsePart(constraint: string, part: string): Test {
  const digit = part.search(/[0-9]/);
  if (digit < 0) throw invalid(constraint, `no version in "${part}"`);
  const comparator = part.slice(0, digit);
  const compare = Object.hasOwn(COMPARATORS, comparator) ? COMPARATORS[comparator] : undefined;
  if (!compare) throw invalid(constraint, `"${comparator}" is not a comparator`);
  const text = part.slice(digit);
  const wildcard = /^([0-9]+)(?:\.([0-9]+))?\.x(?:\.x)?$/.exec(text);
  if (wildcard) return wildcardTest(comparator, Number(wildcard[1]), wildcard[2]);
  const bound = /^(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2}(?:[-+].*)?$/.test(text) ? parseTolerant(text) : undefined;
  if (!bound) throw invalid(constraint, `"${text}" is not a version with three numbers`);
  return (version) => compare(compareVersions(version, bound));
}

/** `1.9.x` stands for all from 1.9.0 to below 1.10.0, `1.x` for all from 1.0.0 to below 2.0.0. */
function wildcardTest(comparator: string, major: number, minorText: string | undefined): Test {
  const minor = Number(minorText ?? 0);
  const bound = (a: number, b: number): TalosVersion => ({ major: a, minor: b, patch: 0, tag: `v${a}.${b}.0` });
  const from = bound(major, minor);
  const to = minorText === undefined ? bound(major + 1, 0) : bound(major, minor + 1);
  const below: Test = (version) => compareVersions(version, from) < 0;
  const above: Test = (version) => compareVersions(version, to) >= 0;
  switch (comparator) {
    case ">":
      return above;
    case ">=":
      return (version) => !below(version);
    case "<":
      return below;
    case "<=":
      return (version) => !above(version);
    case "!":
    case "!=":
      return (version) => below(version) || above(version);
    default:
      return (version) => !below(version) && !above(version);
  }
}
