import { spawn } from "node:child_process";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";

/** Keys pressed in turn, again and again until the kernel starts: names as QEMU's `sendkey` has them. */
export interface Keys {
  readonly press: readonly string[];
  /** Text on the console they wait for; a menu that is only on the screen cannot be waited for. */
  readonly after?: string;
}

/** What QEMU starts from, and the firmware in front of it. */
export interface Machine {
  /** The emulator, `qemu-system-x86_64` unless given. */
  readonly emulator?: string;
  readonly args: readonly string[];
  readonly keys?: Keys;
  /** Gives up after this long, milliseconds: emulation without KVM is slow, hanging is a failure. */
  readonly limitMs?: number;
}

/** Everything the machine wrote on its serial port before it powered off. */
export interface Console {
  readonly text: string;
  /** The lines the fixture's init printed, without their `fixture: ` mark. */
  readonly lines: readonly string[];
}

const LIMIT_MS = 420_000;
/** A machine that fills this is in a loop of its own. */
const MAX_CONSOLE_BYTES = 8 * 1024 * 1024;
const TAIL_LINES = 60;
/** Between two keys; menus are quick enough for it. */
const KEY_MS = 400;
const MARK = "fixture: ";
const COMMON = [
  "-m",
  "1024",
  "-display",
  "none",
  "-chardev",
  "socket,id=monitor,fd=3",
  "-mon",
  "monitor",
  "-serial",
  "stdio",
  "-no-reboot",
  "-accel",
  "tcg",
];

/**
 * Runs a machine until it powers itself off and gives its console. Rejects with the end of the console when it does
 * not come that far; the emulator is always gone afterwards.
 */
export async function boot({
  emulator = "qemu-system-x86_64",
  args,
  keys,
  limitMs = LIMIT_MS,
}: Machine): Promise<Console> {
  // The emulator must not outlive this process, however that ends. Its monitor is on a socket of its own.
  const command = ["--pdeathsig", "SIGKILL", emulator, ...COMMON, ...args];
  const child = spawn("setpriv", command, { stdio: ["ignore", "pipe", "pipe", "pipe"] });
  const monitor = child.stdio[3] as Duplex;
  monitor.resume().on("error", () => undefined);
  const chunks: Buffer[] = [];
  let pressed = 0;
  const presses = setInterval(() => {
    if (!keys || (keys.after !== undefined && !Buffer.concat(chunks).includes(keys.after))) return;
    monitor.write(`sendkey ${keys.press[pressed++ % keys.press.length]}\n`);
  }, KEY_MS);
  let size = 0;
  let trouble: string | undefined;
  const give = (reason: string): void => {
    trouble ??= reason;
    child.kill("SIGKILL");
  };
  const timer = setTimeout(() => give(`no power-off within ${limitMs / 1000} s`), limitMs);
  for (const output of [child.stdout!, child.stderr!]) {
    output.on("data", (bytes: Buffer) => {
      chunks.push(bytes);
      size += bytes.length;
      if (bytes.includes("Linux version")) clearInterval(presses);
      if (size > MAX_CONSOLE_BYTES) give(`more than ${MAX_CONSOLE_BYTES} bytes on the console`);
    });
  }
  const status = await new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code === 0 ? "" : `${emulator} ended with ${code ?? signal}`));
  });
  clearTimeout(timer);
  clearInterval(presses);
  const text = Buffer.concat(chunks).toString("utf8").replaceAll("\r", "");
  const problem = trouble ?? (status || (text.includes(`${MARK}ready`) ? "" : "powered off before it was ready"));
  if (problem) throw new Error(`${problem}; the console ended with\n${text.split("\n").slice(-TAIL_LINES).join("\n")}`);
  const lines = text.split("\n").filter((line) => line.startsWith(MARK));
  return { text, lines: lines.map((line) => line.slice(MARK.length)) };
}

/** Arguments for UEFI firmware with variables of its own, which start empty. */
export async function ovmf(folder: string): Promise<readonly string[]> {
  const variables = join(folder, "OVMF_VARS.fd");
  await copyFile("/usr/share/OVMF/OVMF_VARS_4M.fd", variables);
  return [
    "-machine",
    "q35",
    "-drive",
    "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
    "-drive",
    `if=pflash,format=raw,unit=1,file=${variables}`,
    "-net",
    "none",
  ];
}

/** An arm64 machine with UEFI firmware; its variables, which start empty, are in `folder`. */
export async function aavmf(folder: string): Promise<{ readonly emulator: string; readonly args: readonly string[] }> {
  const variables = join(folder, "AAVMF_VARS.fd");
  await copyFile("/usr/share/AAVMF/AAVMF_VARS.fd", variables);
  return {
    emulator: "qemu-system-aarch64",
    args: [
      "-machine",
      "virt",
      "-cpu",
      "cortex-a57",
      "-drive",
      "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/AAVMF/AAVMF_CODE.fd",
      "-drive",
      `if=pflash,format=raw,unit=1,file=${variables}`,
      "-net",
      "none",
    ],
  };
}
