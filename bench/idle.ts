// A process with nothing to do, beside a loaded server: how long its event loop stands still is what this machine does
// to any. It answers its parent's question and ends with it.
import { watchLoop } from "./loop.ts";

const loop = watchLoop();
process.on("message", () => process.send?.(loop()));
process.once("disconnect", () => process.exit(0));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
process.send?.("ready");
