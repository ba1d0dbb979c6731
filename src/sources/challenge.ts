/** One challenge of a WWW-Authenticate header (RFC 9110 section 11.6.1): scheme in lower case, parameters by lower-case name. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_HEADER = 8192;
/** A parameter `name=token` or `name="quoted"`, or a lone token that opens the next challenge. */
const PART = /\s*,?\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?/y;

/**
 * The challenges of a header, in order. Reading stops at the first thing that is none; an overlong header gives
 * nothing.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  if (header.length > MAX_HEADER) return [];
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  PART.lastIndex = 0;
  for (let match = PART.exec(header); match; match = PART.exec(header)) {
    const [, name = "", quoted, token] = match;
    const value = quoted?.replace(/\\(.)/g, "$1") ?? token;
    if (value === undefined) challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
    else challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
  }
  return challenges;
}
