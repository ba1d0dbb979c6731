import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Standstill } from "./loop.ts";
import { type Cost, inFolder, type Running, start } from "./measure.ts";
import { withNginx } from "./nginx.ts";
import { ASSETS, besideIdle, ORDER, order, orderEnvironment, schematic, withServer } from "./ours.ts";
import type { Usage } from "./server.ts";
import { stockEnvironment, stockScript } from "./stock.ts";
import type { Extension, Workload } from "./workload.ts";

const DOWNLOADS = 16;
/** Times each client downloads, so that downloads go on while the images are built. */
const ROUNDS = 3;
const SAMPLE_MS = 100;
const PAGE_BYTES = 4096;

const ISO = ASSETS.find(({ name }) => name === "iso")!;

/** Sixteen clients at once that throw away what they get. */
const DOWNLOAD = `
pids=()
for i in $(seq ${DOWNLOADS}); do
  (for round in $(seq ${ROUNDS}); do curl -sS --fail -o /dev/null "$FILE"; done) &
  pids+=($!)
done
for pid in "\${pids[@]}"; do wait "$pid"; done
`;

/** The four builds: one of each image, each with an extension nobody has built yet. */
function builds({ extensions, more }: Workload): readonly { readonly extension: Extension; readonly asset: number }[] {
  return [...extensions, ...more].map((extension, asset) => ({ extension, asset }));
}

/** Everything together: the longest wall time, the sum of all CPU. */
async function together(running: readonly Running[]): Promise<Cost> {
  const costs = await Promise.all(running.map(({ done }) => done));
  return {
    wallS: Math.max(...costs.map(({ wallS }) => wallS)),
    cpuS: costs.reduce((sum, { cpuS }) => sum + cpuS, 0),
    bytes: 0,
  };
}

/** Cost of 16 ISO downloads beside 4 builds by our server; `bytes` is its peak of resident memory. */
export async function oursParallel(
  workload: Workload,
  folder: string,
): Promise<{ readonly cost: Cost; readonly usage: Usage; readonly idle: Standstill }> {
  return await withServer(workload, folder, async (server) => {
    const plain = schematic([], "parallel");
    await order(server, workload, ISO, plain);
    const reply = await fetch(`${server.url}/schematics`, { method: "POST", body: plain });
    const { id } = (await reply.json()) as { readonly id: string };
    const file = `${server.url}/image/${id}/${workload.version}/${ISO.path}`;
    const before = await server.usage();
    const inParallel = async ([clients, ...rest]: readonly string[]): Promise<Cost> => {
      const running = [start(DOWNLOAD, clients!, { FILE: file })];
      for (const [i, { extension, asset }] of builds(workload).entries()) {
        const text = schematic([extension], `parallel-${i}`);
        running.push(start(ORDER, rest[i]!, orderEnvironment(server, workload, ASSETS[asset]!, text)));
      }
      return await together(running);
    };
    const { result: cost, idle } = await besideIdle(() => inFolders(folder, builds(workload).length + 1, inParallel));
    const usage = await server.usage();
    return { idle, cost: { ...cost, cpuS: cost.cpuS + usage.cpuS - before.cpuS, bytes: usage.peakRss }, usage };
  });
}

/** The same by nginx and four pipelines; `bytes` is the highest sum of what all their processes had resident. */
export async function stockParallel(
  workload: Workload,
  folder: string,
  nginxProgram: string,
  facts: { readonly texts: string; readonly iso: string; readonly diskBytes: number },
): Promise<Cost> {
  const { texts, iso, diskBytes } = facts;
  return await withNginx(nginxProgram, join(iso, ".."), join(folder, "nginx"), async (nginx) =>
    inFolders(folder, builds(workload).length + 1, async ([clients, ...rest]) => {
      const running = [start(DOWNLOAD, clients!, { FILE: `${nginx.url}/${iso.slice(iso.lastIndexOf("/") + 1)}` })];
      for (const [i, { extension, asset }] of builds(workload).entries()) {
        const at = { texts, unpacked: join(rest[i]!, "unpacked") };
        const environment = stockEnvironment(workload, [extension], at, diskBytes);
        running.push(start(stockScript(ASSETS[asset]!.name, true), rest[i]!, environment));
      }
      const watch = watchMemory([nginx.pid, ...running.slice(1).map(({ pid }) => pid)]);
      try {
        const cost = await together(running);
        return { ...cost, cpuS: cost.cpuS + (await nginx.cpuS()), bytes: await watch.stop() };
      } finally {
        await watch.stop();
      }
    }),
  );
}

async function inFolders<T>(
  parent: string,
  count: number,
  work: (folders: readonly string[]) => Promise<T>,
): Promise<T> {
  const nest = async (folders: readonly string[]): Promise<T> =>
    folders.length === count ? await work(folders) : await inFolder(parent, (folder) => nest([...folders, folder]));
  return await nest([]);
}

/** Samples the resident memory of process groups, bytes. `stop` gives the highest sum seen. */
function watchMemory(groups: readonly number[]): { stop(): Promise<number> } {
  let peak = 0;
  let going = true;
  const watching = (async (): Promise<void> => {
    while (going) {
      peak = Math.max(peak, await residentOf(groups));
      await delay(SAMPLE_MS);
    }
  })();
  return {
    async stop() {
      going = false;
      await watching;
      return peak;
    },
  };
}

/** Fields of /proc/PID/stat behind the name: state, parent, group, …; resident pages are the 22nd of them (proc(5)). */
async function residentOf(groups: readonly number[]): Promise<number> {
  let pages = 0;
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const text = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (groups.includes(Number(fields[2]))) pages += Number(fields[21]);
  }
  return pages * PAGE_BYTES;
}
