/** `npm run golden -- [folder]`: the project against recorded vectors, by default those beside the project. */
import { resolve } from "node:path";
import { runGolden } from "./runner.ts";

const defaults = resolve(import.meta.dirname, "../../../shared/golden");
const [folder] = process.argv.slice(2);

process.exitCode = await runGolden({
  folder: folder === undefined ? defaults : resolve(folder),
  defaults,
  print: (line) => process.stdout.write(`${line}\n`),
});
