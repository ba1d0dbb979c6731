import { ITEMS, openStoreWork } from "./store-work.ts";

/**
 * Works on a data folder until it is killed: derivations in a fixed order from where `start` says, a few at once, with
 * eviction on. Says `working` once it does.
 */
const [folder = "", start = "0", maxBytes = "0"] = process.argv.slice(2);
const work = await openStoreWork(folder, Number(maxBytes));
process.stdout.write("working\n");

async function lane(first: number, step: number): Promise<never> {
  for (let item = first; ; item = (item + step) % ITEMS) await work.item(item);
}

await Promise.all([lane(Number(start) % ITEMS, 1), lane((Number(start) + 17) % ITEMS, 5), lane(0, 7)]);
