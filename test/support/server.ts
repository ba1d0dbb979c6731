import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RunningServer, startServer } from "../../src/server/serve.ts";
import type { SourceSpec } from "../../src/sources/index.ts";
import { temporaryFolder } from "./folder.ts";

/** A real server on a loopback port of its own. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly data: string;
  readonly running: RunningServer;
  /** Posts a schematic and gives its id. */
  schematic(yaml: string): Promise<string>;
}

/** Starts a server that trusts one key (PEM); its data is in a fresh folder unless one is given, and GRUB is missing. */
export async function testServer(
  source: SourceSpec,
  publicKey: string,
  data?: string,
  grubFolder?: string,
): Promise<TestServer> {
  const folder = await temporaryFolder();
  const keyFile = join(folder.path, "key.pub");
  await writeFile(keyFile, publicKey);
  const dataFolder = data ?? join(folder.path, "data");
  const running = await startServer({
    source,
    publicKeys: [keyFile],
    grubFolder,
    dataFolder,
    host: "127.0.0.1",
    port: 0,
    externalUrl: "https://factory.test/base",
    logLevel: "silent",
  });
  return {
    url: running.url,
    data: dataFolder,
    running,
    schematic: (yaml) => postSchematic(running.url, yaml),
    async [Symbol.asyncDispose]() {
      await running.close(0);
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Posts a schematic and gives its id. */
export async function postSchematic(url: string, yaml: string): Promise<string> {
  const response = await fetch(`${url}/schematics`, { method: "POST", body: yaml });
  if (response.status !== 201) throw new Error(await response.text());
  return ((await response.json()) as { id: string }).id;
}
