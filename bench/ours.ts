import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Standstill } from "./loop.ts";
import { type Cost, inFolder, own, start } from "./measure.ts";
import type { Message, Usage } from "./server.ts";
import type { Workload } from "./workload.ts";

/** A measured image, by the name of its rows and its path on the server. */
export interface Asset {
  readonly name: string;
  readonly path: string;
  /** Also measured with an empty store. */
  readonly first?: boolean;
}

export const ASSETS = [
  { name: "initramfs", path: "initramfs-amd64.xz", first: true },
  { name: "uki", path: "metal-amd64-uki.efi", first: true },
  { name: "iso", path: "metal-amd64.iso", first: true },
  { name: "raw-zst", path: "metal-amd64.raw.zst", first: true },
  { name: "aws-raw-zst", path: "aws-amd64.raw.zst" },
  { name: "raw-xz", path: "metal-amd64.raw.xz" },
  { name: "raw-tar-gz", path: "metal-amd64.raw.tar.gz" },
  { name: "qcow2", path: "metal-amd64.qcow2" },
  { name: "ova", path: "metal-amd64.ova" },
] as const satisfies readonly Asset[];

export type AssetName = (typeof ASSETS)[number]["name"];

/** Our server in a process of its own. */
export class OurServer {
  readonly url: string;
  readonly dataFolder: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string, dataFolder: string) {
    this.#child = child;
    this.url = url;
    this.dataFolder = dataFolder;
  }

  static async start({ layout, publicKey }: Workload, dataFolder: string): Promise<OurServer> {
    const file = new URL("./server.ts", import.meta.url).pathname;
    const child = fork(file, [layout, publicKey, dataFolder], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    own(child);
    const failed = once(child, "exit").then(() => {
      throw new Error("the server ended before it was ready");
    });
    const [message] = (await Promise.race([once(child, "message"), failed])) as [Message];
    failed.catch(() => undefined);
    if (message.$case !== "ready") throw new Error("the server said something else first");
    return new OurServer(child, message.url, dataFolder);
  }

  /** What the server has used so far; resets the watch over its event loop. */
  async usage(): Promise<Usage> {
    const answer = once(this.#child, "message");
    this.#child.send("usage");
    const [message] = (await answer) as [Message];
    if (message.$case !== "usage") throw new Error("the server said it is ready twice");
    return message.usage;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.disconnect();
    await ended;
  }
}

/** Runs `work` beside a process that does nothing, and says how long that one's event loop stood still meanwhile. */
export async function besideIdle<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly idle: Standstill }> {
  const child = fork(new URL("./idle.ts", import.meta.url).pathname, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  own(child);
  try {
    await once(child, "message");
    const result = await work();
    const answer = once(child, "message");
    child.send("usage");
    return { result, idle: ((await answer) as [Standstill])[0] };
  } finally {
    child.disconnect();
  }
}

/** Runs `work` with a server whose store is in a new folder below `parent`. */
export async function withServer<T>(
  workload: Workload,
  parent: string,
  work: (server: OurServer) => Promise<T>,
): Promise<T> {
  return await inFolder(parent, async (folder) => {
    const server = await OurServer.start(workload, join(folder, "data"));
    try {
      return await work(server);
    } finally {
      await server.stop();
    }
  });
}

/** The schematic of all measured images; `run` makes a new one of it by one kernel argument. */
export function schematic(extensions: readonly { readonly name: string }[], run: string): string {
  const names = extensions.map(({ name }) => `      - ${name}\n`).join("");
  const list = names === "" ? "" : `  systemExtensions:\n    officialExtensions:\n${names}`;
  return `customization:\n  extraKernelArgs:\n    - console=ttyS0\n    - bench.run=${run}\n${list}  bootloader: sd-boot\n`;
}

/** Posts the schematic `$SCHEMATIC` and downloads the image at `$ASSET`. */
export const ORDER = `
reply=$(curl -sS --fail-with-body --data-binary "$SCHEMATIC" "$URL/schematics")
[[ $reply =~ \\"id\\":\\"([0-9a-f]{64})\\" ]]
curl -sS --fail-with-body -o asset "$URL/image/\${BASH_REMATCH[1]}/$VERSION/$ASSET"
`;

export function orderEnvironment(server: OurServer, workload: Workload, asset: Asset, text: string) {
  return { URL: server.url, VERSION: workload.version, ASSET: asset.path, SCHEMATIC: text };
}

/** Cost of an image over HTTP, from the POST of its schematic to the last byte on disk: the server's and the client's. */
export async function order(
  server: OurServer,
  workload: Workload,
  asset: Asset,
  text: string,
): Promise<Cost & { readonly clientS: number }> {
  return await inFolder(join(server.dataFolder, "..", "client"), async (folder) => {
    const before = await server.usage();
    const client = await start(ORDER, folder, orderEnvironment(server, workload, asset, text)).done;
    const after = await server.usage();
    return { ...client, cpuS: client.cpuS + after.cpuS - before.cpuS, clientS: client.cpuS };
  });
}

async function largestIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return Math.max(0, ...sizes.map((info) => info?.size ?? 0));
}

const WATCH_MS = 20;

/** Runs `work` and gives the largest temporary file of the store meanwhile and its largest blob afterwards, in bytes. */
export async function watchTemporary(server: OurServer, work: () => Promise<void>) {
  const controller = new AbortController();
  let temporary = 0;
  const watch = async (): Promise<void> => {
    while (!controller.signal.aborted) {
      temporary = Math.max(temporary, await largestIn(join(server.dataFolder, "tmp")));
      await delay(WATCH_MS);
    }
  };
  const watching = watch();
  await work().finally(() => controller.abort());
  await watching;
  return { temporary, blob: await largestIn(join(server.dataFolder, "oci", "blobs", "sha256")) };
}
