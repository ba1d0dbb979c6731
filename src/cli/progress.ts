/** What a person sees on standard error: lines that stay, and on a terminal one that moves (imager.md 2.5). */
import { MiB } from "../bytes/align.ts";

/** Standard error, as far as it is looked at. */
export interface Terminal {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const ERASE_LINE = "\r\x1b[2K";
const BAR_CELLS = 24;
/** Two moves of the last line are at least this far apart: a terminal is slower than a disk. */
const MOVE_MS = 50;
const DEFAULT_COLUMNS = 80;

export class Progress {
  readonly #terminal: Terminal;
  #last = "";
  #moving = false;
  #movedAt = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** A line that stays; what was said last is not said again. */
  line(text: string): void {
    const line = text.trimEnd().replaceAll("\t", "    ");
    if (line === "" || line === this.#last) return;
    this.#last = line;
    this.clear();
    this.#terminal.write(`${line}\n`);
  }

  /** What goes on now; only a terminal shows it, and forgets it at the next line. */
  now(text: string): void {
    const { isTTY, columns = DEFAULT_COLUMNS } = this.#terminal;
    if (!isTTY) return;
    this.#moving = true;
    this.#terminal.write(`${ERASE_LINE}${text.slice(0, columns - 1)}`);
  }

  /** A bar for `done` of `total` bytes. */
  bytes(what: string, done: number, total: number): void {
    const now = performance.now();
    if (done < total && now - this.#movedAt < MOVE_MS) return;
    this.#movedAt = now;
    const part = total === 0 ? 1 : done / total;
    const full = Math.round(part * BAR_CELLS);
    const bar = `${"█".repeat(full)}${"░".repeat(BAR_CELLS - full)}`;
    this.now(`${bar} ${Math.floor(part * 100)} %  ${what}, ${mebibytes(done)} of ${mebibytes(total)}`);
  }

  /** Takes the moving line away. */
  clear(): void {
    if (this.#moving) this.#terminal.write(ERASE_LINE);
    this.#moving = false;
  }
}

export function mebibytes(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}
