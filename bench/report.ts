import type { Standstill } from "./loop.ts";
import type { Cost } from "./measure.ts";

/** One comparison. Ratios say how many times more the stock tools took. */
export interface Row {
  readonly name: string;
  readonly ours: Cost;
  readonly stock: Cost;
  readonly cpuRatio: number;
  readonly wallRatio: number;
}

export function row(name: string, ours: Cost, stock: Cost): Row {
  const plain = ({ wallS, cpuS, bytes }: Cost): Cost => ({ wallS: rounded(wallS), cpuS: rounded(cpuS), bytes });
  return {
    name,
    ours: plain(ours),
    stock: plain(stock),
    cpuRatio: rounded(stock.cpuS / ours.cpuS),
    wallRatio: rounded(stock.wallS / ours.wallS),
  };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

const MB = 1_000_000;

/** What each row must reach at least. */
const TARGETS: Readonly<Record<string, { readonly cpu?: number; readonly wall?: number }>> = {
  "initramfs/again": { cpu: 30, wall: 30 },
  "uki/again": { cpu: 30, wall: 30 },
  "iso/again": { cpu: 30, wall: 30 },
  "raw-zst/again": { cpu: 50, wall: 50 },
  "aws-raw-zst/again": { cpu: 50, wall: 50 },
  "raw-xz/again": { cpu: 30, wall: 30 },
  "raw-tar-gz/again": { cpu: 30, wall: 30 },
  "qcow2/again": { cpu: 30, wall: 30 },
  "ova/again": { cpu: 30, wall: 30 },
  "initramfs/first": { cpu: 1.3 },
  "uki/first": { cpu: 1.5 },
  "iso/first": { cpu: 1.5 },
  "raw-zst/first": { cpu: 3 },
  "download/iso": { wall: 0.6 },
};
/** Image sizes may differ by this part. */
const SIZE_TOLERANCE = 0.03;
const MAX_RSS_BYTES = 300 * MB;
const MAX_BLOCKED_MS = 50;

/** Why a row misses its target; empty when it does not. */
function misses({ name, ours, stock, cpuRatio, wallRatio }: Row): readonly string[] {
  const { cpu = 0, wall = 0 } = TARGETS[name] ?? {};
  const reasons: string[] = [];
  if (cpuRatio < cpu) reasons.push(`CPU below ${cpu}x`);
  if (wallRatio < wall) reasons.push(`wall below ${wall}x`);
  if (name === "rss/parallel") {
    if (ours.bytes >= MAX_RSS_BYTES) reasons.push(`peak RSS over ${MAX_RSS_BYTES / MB} MB`);
  } else if (Math.abs(ours.bytes / stock.bytes - 1) > SIZE_TOLERANCE) reasons.push("size differs by over 3 %");
  return reasons;
}

const HEADINGS = ["row", "ours s", "cpu s", "MB", "stock s", "cpu s", "MB", "cpu x", "wall x", "size", "target"];

/** The rows as a table; `judged` adds what misses its target. */
export function table(rows: readonly Row[], judged: boolean): string {
  const cells = rows.map((one) => {
    const { name, ours, stock, cpuRatio, wallRatio } = one;
    const reasons = misses(one).join(", ");
    return [
      name,
      ...[ours, stock].flatMap(({ wallS, cpuS, bytes }) => [
        wallS.toFixed(2),
        cpuS.toFixed(2),
        (bytes / MB).toFixed(1),
      ]),
      cpuRatio.toFixed(1),
      wallRatio.toFixed(1),
      (ours.bytes / stock.bytes).toFixed(3),
      judged ? reasons || "met" : "-",
    ];
  });
  const lines = [HEADINGS, ...cells];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const aligned = (line: readonly string[]): string =>
    line
      .map((cell, i) => (i === 0 || i === line.length - 1 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd();
  return lines.map(aligned).join("\n");
}

/** Event loops under rss/parallel: the server's, and that of a process beside it that did nothing. */
export interface Loops {
  readonly server: Standstill;
  readonly idle: Standstill;
}

/** What the table has no column for. */
export function remarks(
  { server, idle }: Loops,
  files: { readonly temporary: number; readonly blob: number },
  judged: boolean,
): string {
  const verdict = (met: boolean): string => (judged ? (met ? " (met)" : " (missed)") : "");
  return [
    `event loop under rss/parallel: longest block ${server.blockedMs.toFixed(1)} ms of wall clock` +
      `${verdict(server.blockedMs <= MAX_BLOCKED_MS)}; most CPU of its own in one turn ${server.busyMs.toFixed(1)} ms`,
    `the same of an idle process beside it: ${idle.blockedMs.toFixed(1)} ms, ${idle.busyMs.toFixed(1)} ms`,
    `largest temporary file ${(files.temporary / MB).toFixed(1)} MB, largest blob ${(files.blob / MB).toFixed(1)} MB` +
      verdict(files.temporary <= files.blob),
  ].join("\n");
}
