import { FactoryError, messageOf } from "../errors.ts";
import { loadCodec } from "../workers/codec.ts";
import { CliError } from "./errors.ts";
import { exitCode } from "./exit.ts";
import { parseFlags } from "./flagset.ts";
import { examine } from "./inspect/examine.ts";
import { openImageFile, TemporaryFiles } from "./inspect/open.ts";
import { printReport, type Report } from "./inspect/report.ts";

const USAGE = `usage: image-factory inspect [--json] FILE|URL

Says what an image contains: partitions, volumes and their files, boot loaders, kernel, command lines, extensions, META
values, whether programs are signed (not by whom). Reads raw disks, ISOs, UKIs, kernels, initramfs, installers, qcow2,
fixed VHD, OVA and VMDK as OVA has it, each also compressed with zstd, xz or gzip. Of an address only the parts that are
needed are fetched, if the server can.

  --json       the same for programs
  -h, --help

Exit codes: 0 done, 1 usage, 5 the image is damaged, 6 it cannot be read.
`;

async function inspect(args: readonly string[]): Promise<string> {
  const flags = parseFlags(args, { json: "switch", help: "switch" }, { h: "help" });
  if (flags.switch("help")) return USAGE;
  const [name, ...more] = flags.positional;
  if (name === undefined || more.length > 0) {
    throw new CliError("usage_invalid", `accepts 1 argument, received ${flags.positional.length}\n${USAGE}`);
  }
  await using temporary = new TemporaryFiles();
  const source = await openImageFile(name, temporary);
  const found: Report = await examine(source, { codec: loadCodec().codec, temporary });
  return flags.switch("json") ? `${JSON.stringify(found, null, 2)}\n` : `${printReport(found)}\n`;
}

for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => process.exit(1));
try {
  process.stdout.write(await inspect(process.argv.slice(2)));
} catch (error) {
  const text = error instanceof FactoryError || !(error instanceof Error) ? messageOf(error) : error.stack;
  process.stderr.write(`inspect: ${text}\n`);
  process.exitCode = exitCode(error);
}
