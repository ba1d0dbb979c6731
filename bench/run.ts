// npm run bench -- [--short] [--json FILE] [--only ROW,...] [--repeat N]
//
// Compares this server with the same job done by the stock tools in a shell pipeline (stock.ts). The job is fixed: the
// fixture's release with a 65 MB base initramfs and two extensions of 30 and 65 MB (workload.ts). How to read it:
//
//   ours    wall from the POST of a schematic to the last byte of the image in a file, over HTTP on the loopback
//           interface. CPU of the server process (getrusage: all threads) and of the client (curl and its shell).
//   stock   wall and CPU of the pipeline (bash's `time`: all processes it waited for, with their threads); it ends
//           with the same image in a file and has no HTTP in it.
//   MB      size of the image, 10^6 bytes; "size" is ours by theirs. cpu x, wall x: theirs by ours.
//
//   NAME/first    cold: our store is empty and the server fresh, stock starts from the source images (tar -xzf).
//   NAME/again    warm: our store knows the release and the extensions, one kernel argument of the schematic is new;
//                 stock starts from unpacked trees. Ours is the median of several runs, each with a schematic of its own.
//   download/iso  an ISO that is known, to /dev/null; stock is nginx with sendfile and the same file. Medians.
//   The line below the table says how long it takes to resolve a schematic and a path to the full profile.
//   rss/parallel  16 parallel ISO downloads beside 4 builds; MB is the peak of resident memory, ours of the server,
//                 stock of nginx and the tools together. The lines below the table say how long the event loop stood
//                 still meanwhile, and whether a temporary file was larger than the largest blob.
//
// The page cache is warm for both: sources and unpacked trees are read once before, and what is dirty is written back
// before each run. "target" judges the full form only; --short runs an eighth of the sizes to see that all works.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildNative } from "../native/build.ts";
import { ensurePackages, installLine, NATIVE_PACKAGES } from "../native/packages.ts";
import { messageOf } from "../src/errors.ts";
import { type Cost, endAll, inFolder, type Log, median, start } from "./measure.ts";
import { findNginx, withNginx } from "./nginx.ts";
import { ASSETS, type Asset, OurServer, order, schematic, watchTemporary, withServer } from "./ours.ts";
import { oursParallel, stockParallel } from "./parallel.ts";
import { type Loops, type Row, remarks, row, table } from "./report.ts";
import { resolveTimes } from "./resolve.ts";
import { STOCK_PACKAGES, stockEnvironment, stockScript, UNPACK, writeTexts } from "./stock.ts";
import { BENCH, FULL, prepareWorkload, SHORT, type Workload } from "./workload.ts";

const AGAIN_RUNS = 5;
const DOWNLOAD_RUNS = 7;

const say: Log = (line) => void process.stderr.write(`${line}\n`);

/** Everything a run of the bench works with. */
interface Bench {
  readonly workload: Workload;
  readonly folder: string;
  readonly texts: string;
  readonly unpacked: string;
  /** Size of the raw disk of each platform that is measured, bytes. */
  readonly diskBytes: Readonly<Record<string, number>>;
  readonly repeat: number;
}

function needPackages(): void {
  const missing = ensurePackages([...NATIVE_PACKAGES, ...STOCK_PACKAGES], say);
  if (missing.length === 0) return;
  throw new Error(
    `these Debian packages are missing: ${missing.join(" ")}; install them with\n  ${installLine(missing)}`,
  );
}

/** Reads what both sides read into the page cache and writes back what earlier runs left dirty. */
async function warm({ folder, workload, unpacked }: Bench): Promise<void> {
  const script = `cat $(find "$LAYOUT" "$UNPACKED" -type f) > /dev/null; sync`;
  await inFolder(folder, (job) => start(script, job, { LAYOUT: workload.layout, UNPACKED: unpacked }).done);
}

/** A measured image. */
type Measured = (typeof ASSETS)[number];

/** The platform an image is for; what is for none takes the disk of metal. */
function platformOf({ path }: Measured): string {
  return path.startsWith("aws-") ? "aws" : "metal";
}

async function stockCost(bench: Bench, asset: Measured, unpack: boolean): Promise<Cost> {
  await warm(bench);
  return await inFolder(bench.folder, async (job) => {
    const unpacked = unpack ? join(job, "unpacked") : bench.unpacked;
    const { workload, texts, diskBytes } = bench;
    const environment = stockEnvironment(
      workload,
      workload.extensions,
      { texts, unpacked },
      diskBytes[platformOf(asset)]!,
    );
    return await start(stockScript(asset.name, unpack), job, environment).done;
  });
}

function tell(name: string, who: string, { wallS, cpuS, bytes }: Cost): void {
  say(`  ${name} ${who}: ${wallS.toFixed(3)} s, CPU ${cpuS.toFixed(3)} s, ${(bytes / 1e6).toFixed(2)} MB`);
}

async function repeated(count: number, work: () => Promise<Cost>): Promise<Cost> {
  const costs: Cost[] = [];
  for (let i = 0; i < count; i++) costs.push(await work());
  return median(costs);
}

async function first(bench: Bench, asset: Measured): Promise<Row> {
  const name = `${asset.name}/first`;
  const ours = await repeated(bench.repeat, async () => {
    await warm(bench);
    return await withServer(bench.workload, bench.folder, (server) =>
      order(server, bench.workload, asset, schematic(bench.workload.extensions, "first")),
    );
  });
  tell(name, "ours, cold", ours);
  const stock = await repeated(bench.repeat, () => stockCost(bench, asset, true));
  tell(name, "stock, from the images", stock);
  return row(name, ours, stock);
}

async function again(bench: Bench, server: OurServer, asset: Measured): Promise<Row> {
  const name = `${asset.name}/again`;
  let run = 0;
  const ours = await repeated(AGAIN_RUNS, async () => {
    await warm(bench);
    const text = schematic(bench.workload.extensions, `${asset.name}-${run++}`);
    const cost = await order(server, bench.workload, asset, text);
    tell(name, `ours, warm (client ${cost.clientS.toFixed(3)} s)`, cost);
    return cost;
  });
  const stock = await repeated(bench.repeat, () => stockCost(bench, asset, false));
  tell(name, "stock, from unpacked trees", stock);
  return row(name, ours, stock);
}

/** The address of an image on our server. */
async function imageUrl(server: OurServer, { version, extensions }: Workload, asset: Asset): Promise<string> {
  const body = schematic(extensions, "known");
  const reply = await fetch(`${server.url}/schematics`, { method: "POST", body });
  const { id } = (await reply.json()) as { readonly id: string };
  return `${server.url}/image/${id}/${version}/${asset.path}`;
}

/** Puts an ISO of ours where nginx serves it from. */
async function keepIso(bench: Bench, server: OurServer): Promise<string> {
  const file = join(bench.folder, "served", "metal.iso");
  await mkdir(join(file, ".."), { recursive: true });
  const url = await imageUrl(server, bench.workload, ASSETS.find(({ name }) => name === "iso")!);
  await inFolder(bench.folder, (job) => start(`curl -sS --fail -o "$FILE" "$URL"`, job, { FILE: file, URL: url }).done);
  return file;
}

async function download(bench: Bench, server: OurServer, program: string, iso: string): Promise<Row> {
  const name = "download/iso";
  const script = `curl -sS --fail -o /dev/null "$URL"`;
  const url = await imageUrl(server, bench.workload, ASSETS.find(({ name }) => name === "iso")!);
  const fetched = async (from: string, cpuS: () => Promise<number>): Promise<Cost> => {
    const before = await cpuS();
    const client = await inFolder(bench.folder, (job) => start(script, job, { URL: from }).done);
    return { ...client, cpuS: client.cpuS + (await cpuS()) - before, bytes: (await readFile(iso)).length };
  };
  return await withNginx(program, join(iso, ".."), join(bench.folder, "nginx"), async (nginx) => {
    const costs: { readonly ours: Cost; readonly stock: Cost }[] = [];
    await warm(bench);
    for (let i = 0; i < DOWNLOAD_RUNS; i++) {
      const ours = await fetched(url, async () => (await server.usage()).cpuS);
      const stock = await fetched(`${nginx.url}/metal.iso`, nginx.cpuS);
      tell(name, "ours", ours);
      tell(name, "nginx", stock);
      costs.push({ ours, stock });
    }
    return row(name, median(costs.map(({ ours }) => ours)), median(costs.map(({ stock }) => stock)));
  });
}

async function parallel(bench: Bench, program: string, iso: string): Promise<{ row: Row; loops: Loops }> {
  const name = "rss/parallel";
  await warm(bench);
  const { cost, usage, idle } = await oursParallel(bench.workload, join(bench.folder, "parallel"));
  tell(name, "ours", cost);
  const stock = await stockParallel(bench.workload, join(bench.folder, "parallel"), program, {
    ...bench,
    iso,
    diskBytes: bench.diskBytes.metal!,
  });
  tell(name, "nginx and tools", stock);
  return { row: row(name, cost, stock), loops: { server: usage, idle } };
}

/** Facts the pipelines need that only the server knows, and trees for those that start unpacked. */
async function prepare(server: OurServer, workload: Workload, folder: string, repeat: number): Promise<Bench> {
  const text = schematic(workload.extensions, "known");
  const reply = await fetch(`${server.url}/schematics`, { method: "POST", body: text });
  const { id } = (await reply.json()) as { readonly id: string };
  const image = `${server.url}/image/${id}/${workload.version}`;
  const cmdline = await (await fetch(`${image}/cmdline-metal-amd64`)).text();
  const diskBytes: Record<string, number> = {};
  for (const platform of new Set(ASSETS.map(platformOf))) {
    const head = await fetch(`${image}/${platform}-amd64.raw`, { method: "HEAD" });
    diskBytes[platform] = Number(head.headers.get("content-length"));
  }
  const [texts, unpacked] = [join(folder, "texts"), join(folder, "unpacked")];
  await mkdir(texts);
  await writeTexts(texts, workload, { schematic: text, cmdline });
  const environment = stockEnvironment(workload, workload.extensions, { texts, unpacked }, 0);
  await inFolder(folder, (job) => start(UNPACK, job, environment).done);
  return { workload, folder, texts, unpacked, diskBytes, repeat };
}

interface Options {
  readonly short: boolean;
  readonly json: string | undefined;
  readonly repeat: number;
  readonly wanted: (name: string) => boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      short: { type: "boolean", default: false },
      json: { type: "string" },
      only: { type: "string" },
      repeat: { type: "string", default: "1" },
    },
  });
  const repeat = Number(values.repeat);
  if (!/^[1-9][0-9]?$/.test(values.repeat)) throw new Error(`--repeat: "${values.repeat}" is not 1 to 99`);
  const names = values.only?.split(",");
  return {
    short: values.short,
    json: values.json === undefined ? undefined : resolve(values.json),
    repeat,
    wanted: (name) => names === undefined || names.includes(name),
  };
}

async function measureAll(workload: Workload, folder: string, { short, json, repeat, wanted }: Options): Promise<void> {
  const rows: Row[] = [];
  const nginx = await findNginx(say);
  const server = await OurServer.start(workload, join(folder, "data"));
  let loops: Loops | undefined;
  try {
    say("preparing: unpacking for stock, filling our store");
    let bench: Bench | undefined;
    const files = await watchTemporary(server, async () => {
      bench = await prepare(server, workload, folder, repeat);
      for (const asset of ASSETS) await order(server, workload, asset, schematic(workload.extensions, "known"));
    });
    if (!bench) throw new Error("the preparation gave nothing");
    for (const asset of ASSETS) if (wanted(`${asset.name}/again`)) rows.push(await again(bench, server, asset));
    for (const asset of ASSETS)
      if ("first" in asset && wanted(`${asset.name}/first`)) rows.push(await first(bench, asset));
    const iso = await keepIso(bench, server);
    if (wanted("download/iso")) rows.push(await download(bench, server, nginx, iso));
    if (wanted("rss/parallel")) {
      const result = await parallel(bench, nginx, iso);
      rows.push(result.row);
      loops = result.loops;
    }
    process.stdout.write(`${machine()}\n\n${table(rows, !short)}\n`);
    const { median: typical, p99 } = resolveTimes(workload);
    const times = `median ${(typical * 1000).toFixed(0)} us, 99 of 100 below ${(p99 * 1000).toFixed(0)} us`;
    process.stdout.write(`\nschematic and path to full profile: ${times}\n`);
    if (loops) process.stdout.write(`\n${remarks(loops, files, !short)}\n`);
  } finally {
    await server.stop();
  }
  if (json) await writeFile(json, `${JSON.stringify(rows, undefined, 2)}\n`);
}

function machine(): string {
  const all = cpus();
  return `${all.length} x ${all[0]?.model.trim() ?? "unknown CPU"}, Node ${process.versions.node}`;
}

async function main(): Promise<void> {
  const options = readOptions();
  needPackages();
  const native = buildNative();
  if (!native.ok) say(`native codec not built (${native.reason}); the slower fallback is measured`);
  const workload = await prepareWorkload(options.short ? SHORT : FULL, say);
  const folder = await mkdtemp(join(BENCH, "run-"));
  const stop = (): void => {
    endAll();
    void rm(folder, { recursive: true, force: true }).finally(() => process.exit(130));
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, stop);
  try {
    await measureAll(workload, folder, options);
  } finally {
    endAll();
    await rm(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
