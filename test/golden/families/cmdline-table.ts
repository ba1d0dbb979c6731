import { attempt, caseReports, type Family, type GoldenContext, refusal } from "../family.ts";
import { cmdlineOf } from "./cmdline.ts";

/** Targets with one result: a command line, or the error they are all refused with. */
interface Group {
  readonly cmdline?: string;
  readonly error?: string;
  /** `version arch`, the latter with `-secureboot` behind it or not. */
  readonly cells: readonly string[];
}

interface Cell {
  readonly name: string;
  readonly platform: string;
  readonly version: string;
  readonly arch: string;
  readonly secureboot: boolean;
  readonly result: Group;
}

const SECUREBOOT = "-secureboot";

function cellsOf(platform: string, groups: readonly Group[]): readonly Cell[] {
  return groups.flatMap((result) =>
    result.cells.map((cell) => {
      const [version = "", target = ""] = cell.split(" ");
      const secureboot = target.endsWith(SECUREBOOT);
      const arch = secureboot ? target.slice(0, -SECUREBOOT.length) : target;
      return { name: `${platform} ${cell}`, platform, version, arch, secureboot, result };
    }),
  );
}

/** A table of platforms; each of its cells counts as a case. */
export const cmdlineTable: Family = {
  name: "cmdline-table",
  run: (content: unknown, context: GoldenContext) => {
    const { platforms } = content as { readonly platforms: Readonly<Record<string, readonly Group[]>> };
    const cells: readonly Cell[] = Object.entries(platforms).flatMap(([platform, groups]) => cellsOf(platform, groups));
    const check = ({ result: { cmdline, error }, ...target }: Cell) => ({
      recorded: refusal(error) ?? cmdline,
      ours: attempt(() => cmdlineOf({ ...target, outputKind: "cmdline" })),
    });
    return caseReports(check, context, cells);
  },
};
