import { FactoryError } from "../../errors.ts";

/** What was found out about an image. */
export interface Report {
  /** What it is, such as `GPT disk`. */
  readonly what: string;
  /** Bytes. */
  readonly size: number;
  readonly facts: Readonly<Record<string, string | number | readonly string[]>>;
  /** What stands in it, by name or place. */
  readonly parts: readonly (Report & { readonly name: string })[];
}

/** A report without anything in it. */
export function report(what: string, size: number, facts: Report["facts"] = {}, parts: Report["parts"] = []): Report {
  return { what, size, facts, parts };
}

/** A part of something: what is wrong with it is no reason not to look at the rest. */
export async function named(name: string, size: number, look: () => Promise<Report>): Promise<Report["parts"][number]> {
  try {
    return { name, ...(await look()) };
  } catch (error) {
    if (!(error instanceof FactoryError)) throw error;
    return { name, ...report("damaged", size, { reason: error.message }) };
  }
}

const UNITS = ["KiB", "MiB", "GiB", "TiB"] as const;

function sized(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const step = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length);
  return `${(bytes / 1024 ** step).toFixed(1)} ${UNITS[step - 1]}`;
}

/** Foreign text fit for a terminal: nothing in it moves the cursor. */
function plain(text: string): string {
  return text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]/g, "\ufffd");
}

/** A report for a person, a fact a line. */
export function printReport(found: Report, indent = ""): string {
  const lines = [`${found.what}, ${sized(found.size)}`];
  for (const [name, value] of Object.entries(found.facts)) {
    const values = typeof value === "object" ? value : String(value).trimEnd().split("\n");
    if (values.length === 1) lines.push(`${indent}  ${name}: ${plain(values[0]!)}`);
    else lines.push(`${indent}  ${name}:`, ...values.map((one) => `${indent}    ${plain(one)}`));
  }
  for (const inner of found.parts) lines.push(`${indent}  ${plain(inner.name)}: ${printReport(inner, `${indent}  `)}`);
  return lines.join("\n");
}
