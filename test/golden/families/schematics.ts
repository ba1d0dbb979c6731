import { parseSchematic } from "../../../src/talos/schematic.ts";
import { emitSchematic, schematicId } from "../../../src/talos/schematic-emit.ts";
import { attempt, bytesOf, family, type Recorded, refusal } from "../family.ts";

interface SchematicCase extends Recorded {
  readonly input?: string;
  readonly input_b64?: string;
  readonly id?: string;
  readonly canonical?: string;
  readonly error?: string;
  /** The server refuses what parses. */
  readonly server_error?: string;
}

export const schematics = family<SchematicCase>("schematics", (item) => {
  const input = item.input_b64 === undefined ? (item.input ?? "") : bytesOf(item.input_b64);
  const ours = attempt(() => {
    const schematic = parseSchematic(input);
    const canonical = emitSchematic(schematic);
    // The server's one rule on top of parsing: without accounts nobody owns a schematic.
    return { id: schematicId(schematic), canonical, refusedByServer: schematic.owner !== "" };
  });
  const { id, canonical, error, server_error } = item;
  return {
    recorded: refusal(error, "4xx") ?? { id, canonical, refusedByServer: server_error !== undefined },
    ours,
  };
});
