/** Files and times of recorded trees, in the words of the recordings. */
import { digestHex, sha256 } from "../../src/bytes/digest.ts";

/** A file's content as it was recorded: short texts themselves, others by their digest. */
export interface RecordedContent {
  readonly size?: number;
  readonly text?: string;
  readonly sha256?: string;
}

/** Two runs of the reference differed here, or it is the time of a run. */
function varies(value: unknown): boolean {
  return typeof value === "string" && /^(VARIES|RUN_TIME)\b/.test(value);
}

/** What of ours can be compared with a recorded value, and what of that value; fields that vary in the reference are left out. */
export function comparable(recorded: unknown, ours: unknown): { readonly recorded: unknown; readonly ours: unknown } {
  if (varies(recorded)) return { recorded: undefined, ours: undefined };
  if (typeof recorded !== "object" || recorded === null || typeof ours !== "object" || ours === null) {
    return { recorded, ours };
  }
  const keys = [...new Set([...Object.keys(recorded), ...Object.keys(ours)])];
  const of = (value: object, key: string): unknown => (value as Readonly<Record<string, unknown>>)[key];
  const pairs = keys.map((key) => [key, comparable(of(recorded, key), of(ours, key))] as const);
  const side = (which: "recorded" | "ours", value: object): unknown => {
    const entries = pairs.map(([key, pair]) => [key, pair[which]] as const);
    return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
  };
  return { recorded: side("recorded", recorded), ours: side("ours", ours) };
}

/** A file's bytes in the form it was recorded in. */
export function contentOf(bytes: Uint8Array, { text, sha256: digest }: RecordedContent): RecordedContent {
  return {
    size: bytes.length,
    ...(text === undefined ? {} : { text: Buffer.from(bytes).toString("utf8") }),
    ...(digest === undefined ? {} : { sha256: digestHex(sha256(bytes)) }),
  };
}

interface TreeEntry {
  readonly path: string;
  /** What is compared beside the content. */
  readonly fields: object;
}

/** A recorded tree and one of ours by their paths, whatever their order; `content` is what gates of a file's content. */
export function compareTree(
  recorded: readonly (TreeEntry & { readonly content: RecordedContent })[],
  ours: readonly (TreeEntry & { readonly bytes?: Uint8Array | undefined })[],
) {
  const contents = new Map(recorded.map(({ path, content }) => [path, content]));
  return {
    recorded: Object.fromEntries(recorded.map(({ path, fields, content }) => [path, { ...fields, ...content }])),
    ours: Object.fromEntries(
      ours.map(({ path, fields, bytes }) => {
        const content = contents.get(path) ?? {};
        const { size, ...rest } = bytes ? contentOf(bytes, content) : {};
        return [path, { ...fields, ...(content.size === undefined ? {} : { size }), ...rest }];
      }),
    ),
  };
}

/** The parts of a recorded entry that say what a file holds. */
export function recordedContent({ size, text, sha256: digest }: RecordedContent): RecordedContent {
  return {
    ...(size === undefined ? {} : { size }),
    ...(text === undefined ? {} : { text }),
    ...(digest === undefined ? {} : { sha256: digest }),
  };
}

const TYPE_LETTERS: ReadonlyMap<number, string> = new Map([
  [0o040000, "d"],
  [0o100000, "-"],
  [0o120000, "l"],
]);

/** The bits above the permissions, which show in the place of an execute bit: as a capital where that is not set. */
const SPECIAL_LETTERS: readonly (readonly [bit: number, place: number, letter: string])[] = [
  [0o4000, 2, "s"],
  [0o2000, 5, "s"],
  [0o1000, 8, "t"],
];

/** File type and permissions as `ls -l` shows them. */
export function modeText(mode: number): string {
  const bits = [..."rwxrwxrwx"].map((letter, i) => (mode & (0o400 >> i) ? letter : "-"));
  for (const [bit, place, letter] of SPECIAL_LETTERS) {
    if (mode & bit) bits[place] = bits[place] === "x" ? letter : letter.toUpperCase();
  }
  return (TYPE_LETTERS.get(mode & 0o170000) ?? "?") + bits.join("");
}
