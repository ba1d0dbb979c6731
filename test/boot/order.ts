import { spawnSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { grubModules } from "../../fixtures/grub.ts";
import { buildFixture } from "../../fixtures/release.ts";
import { temporaryFolder } from "../support/folder.ts";
import { testServer } from "../support/server.ts";

/** A server on the fixture release, one schematic ordered from it, and a folder for downloads. */
export interface Order extends AsyncDisposable {
  readonly url: string;
  readonly id: string;
  readonly folder: string;
  /** An argument no other run has, so that a console proves which image it came from. */
  readonly marker: string;
  /** Downloads an asset and gives the path of the file. */
  download(path: string): Promise<string>;
  /** The same, once per asset; unpacked where its name ends in `.zst`, and the disk of an `.ova`. */
  image(path: string): Promise<string>;
  text(path: string): Promise<string>;
  /** SHA-256 of an asset as it is streamed, hex; nothing is kept. */
  sha256(path: string): Promise<string>;
}

/** SHA-256 of bytes that do not fit memory, hex. */
export async function sha256Of(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest("hex");
}

/** What the schematics of the boot tests have in common; `extra` lines follow the kernel arguments. */
export interface OrderOptions {
  readonly version: string;
  readonly console: string;
  readonly extensions: readonly string[];
  readonly kernelArgs?: readonly string[];
  readonly metaValue: string;
  /** `default` leaves the choice to the server; `sd-boot` unless given. */
  readonly bootloader?: "sd-boot" | "grub" | "default";
  /** Bytes. */
  readonly sectorSize?: number;
  readonly machineConfig?: string;
  /** Of the fixture, by name, with the options of its installer. */
  readonly overlay?: {
    readonly name: string;
    readonly image: string;
    readonly options: Readonly<Record<string, string>>;
  };
}

/** Builds the fixture when needed, starts a server on it and posts the schematic. */
export async function order(options: OrderOptions): Promise<Order> {
  const { layout, publicKey } = await buildFixture(() => undefined);
  const grub = await grubModules(() => undefined);
  const source = { $case: "layout", folder: layout } as const;
  const server = await testServer(source, await readFile(publicKey, "utf8"), undefined, grub);
  const { path: folder, ...temporary } = await temporaryFolder();
  const marker = `fixture.marker=${randomUUID()}`;
  const args = [`console=${options.console}`, marker, "fixture.poweroff", ...(options.kernelArgs ?? [])];
  const schematic = {
    ...(options.overlay ? { overlay: options.overlay } : {}),
    customization: {
      extraKernelArgs: args,
      meta: [{ key: 10, value: options.metaValue }],
      systemExtensions: { officialExtensions: options.extensions },
      ...(options.bootloader === "default" ? {} : { bootloader: options.bootloader ?? "sd-boot" }),
      ...(options.sectorSize ? { diskImage: { sectorSize: options.sectorSize } } : {}),
      ...(options.machineConfig ? { embeddedMachineConfiguration: options.machineConfig } : {}),
    },
  };
  const id = await server.schematic(JSON.stringify(schematic));
  const get = async (path: string): Promise<Response> => {
    const response = await fetch(`${server.url}/image/${id}/${options.version}/${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const download = async (path: string): Promise<string> => {
    const file = join(folder, path);
    await pipeline(Readable.fromWeb((await get(path)).body!), createWriteStream(file));
    return file;
  };
  const images = new Map<string, Promise<string>>();
  const unpacked = async (path: string): Promise<string> => {
    const file = await download(path);
    if (path.endsWith(".ova")) {
      const { status, stderr } = spawnSync("tar", ["-xf", file, "-C", folder, "--wildcards", "*.vmdk"]);
      if (status !== 0) throw new Error(`tar: ${stderr}`);
      return join(folder, (await readdir(folder)).find((name) => name.endsWith(".vmdk"))!);
    }
    if (!path.endsWith(".zst")) return file;
    const raw = file.replace(/\.zst$/, "");
    const { status, stderr } = spawnSync("zstd", ["-d", "-q", "--rm", "--sparse", file, "-o", raw], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`zstd: ${stderr}`);
    return raw;
  };
  return {
    url: server.url,
    id,
    folder,
    marker,
    download,
    image(path) {
      const image = images.get(path) ?? unpacked(path);
      images.set(path, image);
      return image;
    },
    sha256: async (path) => await sha256Of(Readable.fromWeb((await get(path)).body!)),
    text: async (path) => await (await get(path)).text(),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    },
  };
}
