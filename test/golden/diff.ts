/** Values as lines of text, and where two of them differ. */

/** Something was refused. Two of them count as equal when they are of one class, or when one has none. */
export class Refusal {
  readonly message: string;
  /** As HTTP tells who is at fault; undefined where nothing says. */
  readonly status: "4xx" | "5xx" | undefined;

  constructor(message: string, status?: "4xx" | "5xx") {
    this.message = message;
    this.status = status;
  }
}

/** A line that is longer is cut at spaces, or wrapped. */
const MAX_WIDTH = 100;
const HEX_BYTES = 16;

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Equality of decoded JSON, bytes and refusals; a field that is undefined is no field. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Refusal || b instanceof Refusal) {
    if (!(a instanceof Refusal && b instanceof Refusal)) return false;
    return a.status === undefined || b.status === undefined || a.status === b.status;
  }
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  }
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => same(item, b[i]));
  if (!isPlain(a) || !isPlain(b)) return false;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => same(a[key], b[key]));
}

/** Control characters and the like made visible, without quotes around. */
function visible(text: string): string {
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
}

function wrap(text: string): readonly string[] {
  return text.match(new RegExp(`.{1,${MAX_WIDTH}}`, "gsu")) ?? [];
}

/** A long text as the lines it is read in: its own, or one per word. */
function textLines(text: string): readonly string[] {
  const pieces = text.includes("\n") ? text.split(/(?<=\n)/) : text.split(/(?<= )/);
  return pieces.flatMap((piece) => wrap(visible(piece)));
}

function hexLines(bytes: Uint8Array): readonly string[] {
  return Array.from({ length: Math.ceil(bytes.length / HEX_BYTES) }, (_, i) => {
    const row = Buffer.from(bytes.subarray(i * HEX_BYTES, (i + 1) * HEX_BYTES));
    return `${(i * HEX_BYTES).toString(16).padStart(8, "0")}  ${row.toString("hex").replace(/..(?!$)/g, "$& ")}`;
  });
}

function block(head: string, lines: readonly string[]): readonly string[] {
  return head === "" ? lines : [head, ...lines.map((line) => `  ${line}`)];
}

/** A value as lines; `head` stands in front of it, `- ` or `key: `. */
function valueLines(head: string, value: unknown): readonly string[] {
  if (value instanceof Refusal) return [`${head}refused (${value.status ?? "any status"}): ${visible(value.message)}`];
  if (value instanceof Uint8Array) return block(`${head}${value.length} bytes`, hexLines(value));
  if (typeof value === "string" && (value.includes("\n") || value.length > MAX_WIDTH)) {
    return block(`${head}|`, textLines(value));
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return [`${head}[]`];
    return block(
      head.trimEnd(),
      value.flatMap((item: unknown) => valueLines("- ", item)),
    );
  }
  if (!isPlain(value)) return [`${head}${typeof value === "string" ? JSON.stringify(value) : String(value)}`];
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  if (fields.length === 0) return [`${head}{}`];
  return block(
    head.trimEnd(),
    fields.flatMap(([key, field]) => valueLines(`${key}: `, field)),
  );
}

/** Lines compared with each other; what lies behind is only mentioned. */
const MAX_COMPARED = 600;
const MAX_SHOWN = 24;
const CONTEXT = 2;

interface DiffLine {
  readonly mark: " " | "-" | "+";
  readonly text: string;
}

/** The longest common subsequence of two short lists of lines, as a diff. */
function diffLines(a: readonly string[], b: readonly string[]): readonly DiffLine[] {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const out: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push({ mark: " ", text: a[i++]! });
      j++;
    } else if (j >= b.length || (i < a.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)) {
      out.push({ mark: "-", text: a[i++]! });
    } else out.push({ mark: "+", text: b[j++]! });
  }
  return out;
}

/** Index of the first line that differs. */
function commonHead(a: readonly string[], b: readonly string[]): number {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at++;
  return at;
}

/**
 * What differs between a recorded value and ours, as a text diff: `-` recorded, `+` ours, with a little context and bounded
 * in length. Undefined when they are the same.
 */
export function difference(recorded: unknown, ours: unknown): readonly string[] | undefined {
  if (same(recorded, ours)) return undefined;
  const a = valueLines("", recorded);
  const b = valueLines("", ours);
  const start = Math.max(0, commonHead(a, b) - CONTEXT);
  const cut = (lines: readonly string[]): readonly string[] => lines.slice(start, start + MAX_COMPARED);
  const diff = diffLines(cut(a), cut(b));
  const near = diff.filter((_, i) =>
    diff.slice(Math.max(0, i - CONTEXT), i + CONTEXT + 1).some((one) => one.mark !== " "),
  );
  const shown = near.slice(0, MAX_SHOWN).map(({ mark, text }) => `${mark} ${text}`);
  return near.length > MAX_SHOWN ? [...shown, `  … ${near.length - MAX_SHOWN} more lines`] : shown;
}
