import { FactoryError } from "../errors.ts";
import { run } from "./run.ts";

/** One press of a key may arrive twice: from the terminal, and from the launcher. */
const SAME_PRESS_MS = 300;

const stop = new AbortController();
let stoppedAt = 0;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    if (!stop.signal.aborted) {
      stoppedAt = performance.now();
      process.stderr.write(`\nimager: ${name}: stopping; once more ends it at once\n`);
      stop.abort(new FactoryError("cancelled", `stopped by ${name}`));
    } else if (performance.now() - stoppedAt > SAME_PRESS_MS) process.exit(1);
  });
}

const code = await run({
  args: process.argv.slice(2),
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  processor: process.arch,
  signal: stop.signal,
});
// Connections to registries stay open for a while; nobody waits for them.
process.exit(code);
