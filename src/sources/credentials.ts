import { SourceError } from "./errors.ts";

/** Who we are to a registry; plain data that may cross threads. Never part of a message or a log line. */
export type RegistryCredentials =
  | { readonly $case: "password"; readonly username: string; readonly password: string }
  /** A refresh token, exchanged for access tokens (distribution "OAuth2 token authentication"). */
  | { readonly $case: "identity-token"; readonly token: string };

const MAX_SECRET = 16384;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function refuse(reason: string): never {
  // Deliberately without cause: parsers quote their input, and the input is a secret.
  throw new SourceError("malformed", reason);
}

type Members = Readonly<Record<string, unknown>>;

function members(value: unknown, what: string): Members {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) return refuse(`${what}: expected an object`);
  return value as Members;
}

function text(value: unknown, what: string): string {
  if (value === undefined || value === null) return "";
  if (typeof value !== "string" || value.length > MAX_SECRET || /[\0-\x1f\x7f]/.test(value)) {
    return refuse(`${what}: expected text without control characters`);
  }
  return value;
}

/** The host a key of `auths` is for; older files write `https://host/v1/`. Keys for a part of a registry are for none. */
function hostOf(key: string): string | undefined {
  return /^(?:https?:\/\/)?([^/]+)(?:\/(?:v[12]\/?)?)?$/.exec(key)?.[1]?.toLowerCase();
}

function own(object: Members, host: string): unknown {
  if (Object.hasOwn(object, host)) return object[host];
  return Object.entries(object).find(([key]) => hostOf(key) === host)?.[1];
}

/** `auth`: base64 of `username:password`, which docker pads with zero bytes at times. */
function decodeAuth(auth: string, what: string): { readonly username: string; readonly password: string } {
  const decoded = BASE64.test(auth) ? Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "") : "";
  const colon = decoded.indexOf(":");
  if (colon < 0) return refuse(`${what}.auth: expected base64 of username:password`);
  return { username: text(decoded.slice(0, colon), what), password: text(decoded.slice(colon + 1), what) };
}

function entryCredentials(entry: Members, what: string): RegistryCredentials | undefined {
  const token = text(entry.identitytoken, `${what}.identitytoken`);
  if (token !== "") return { $case: "identity-token", token };
  const auth = text(entry.auth, `${what}.auth`);
  const username = text(entry.username, `${what}.username`);
  const password = text(entry.password, `${what}.password`);
  const pair = auth === "" ? { username, password } : decodeAuth(auth, what);
  if (pair.username.includes(":")) return refuse(`${what}.username: holds a colon`);
  return pair.username === "" || pair.password === "" ? undefined : { $case: "password", ...pair };
}

/**
 * The credentials for `host` (`host[:port]`) in a docker `config.json`: `auths` with `auth`, `username` and `password`,
 * or `identitytoken`; undefined when the file has nothing for the host. Throws `malformed` for a file that breaks the
 * format, or leaves the host to a credential helper: those are programs, and none is run here.
 */
export function dockerCredentials(json: string, host: string): RegistryCredentials | undefined {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    return refuse("not a JSON document");
  }
  const { auths, credHelpers, credsStore } = members(document, "document");
  const wanted = host.toLowerCase();
  const helper = own(members(credHelpers, "credHelpers"), wanted);
  const entry = own(members(auths, "auths"), wanted);
  const what = `auths["${wanted}"]`;
  const found = helper === undefined ? entryCredentials(members(entry, what), what) : undefined;
  if (found) return found;
  if (helper !== undefined || (credsStore !== undefined && credsStore !== "")) {
    return refuse(`the credentials for "${wanted}" are kept by a credential helper, which is not supported`);
  }
  return entry === undefined ? undefined : refuse(`${what}: holds no credentials`);
}

/** The same for a file that must have credentials for the host: `malformed` too when it has none. */
export function parseDockerConfig(json: string, host: string): RegistryCredentials {
  return dockerCredentials(json, host) ?? refuse(`no credentials for "${host.toLowerCase()}"`);
}
