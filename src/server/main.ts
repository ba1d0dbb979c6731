import { messageOf } from "../errors.ts";
import { ConfigError, parseConfig, USAGE } from "./config.ts";
import { startServer } from "./serve.ts";

/** Downloads that run when the process is told to stop may take this long to finish. */
const GRACE_MS = 10 * 60 * 1000;

async function main(): Promise<void> {
  const config = parseConfig(process.argv.slice(2), process.env);
  const server = await startServer(config);
  let stopping = false;
  const stop = async (signal: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    server.app.log.info({ signal }, "stopping: running downloads may finish");
    await server.close(GRACE_MS);
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop(signal));
}

try {
  await main();
} catch (error) {
  const usage = error instanceof ConfigError ? `\n${USAGE}` : "";
  process.stderr.write(`${messageOf(error)}\n${usage}`);
  process.exit(error instanceof ConfigError ? 2 : 1);
}
