import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
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
  readonly bootloader?: "sd-boot" | "default";
}

/** Builds the fixture when needed, starts a server on it and posts the schematic. */
export async function order(options: OrderOptions): Promise<Order> {
  const { layout, publicKey } = await buildFixture(() => undefined);
  const server = await testServer({ $case: "layout", folder: layout }, await readFile(publicKey, "utf8"));
  const { path: folder, ...temporary } = await temporaryFolder();
  const marker = `fixture.marker=${randomUUID()}`;
  const args = [`console=${options.console}`, marker, "fixture.poweroff", ...(options.kernelArgs ?? [])];
  const schematic = {
    customization: {
      extraKernelArgs: args,
      meta: [{ key: 10, value: options.metaValue }],
      systemExtensions: { officialExtensions: options.extensions },
      ...(options.bootloader === "default" ? {} : { bootloader: "sd-boot" }),
    },
  };
  const id = await server.schematic(JSON.stringify(schematic));
  const get = async (path: string): Promise<Response> => {
    const response = await fetch(`${server.url}/image/${id}/${options.version}/${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  return {
    url: server.url,
    id,
    folder,
    marker,
    async download(path) {
      const file = join(folder, path);
      await pipeline(Readable.fromWeb((await get(path)).body!), createWriteStream(file));
      return file;
    },
    sha256: async (path) => await sha256Of(Readable.fromWeb((await get(path)).body!)),
    text: async (path) => await (await get(path)).text(),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    },
  };
}
