import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FactoryError } from "../../src/errors.ts";
import { withFolder } from "../support/write-image.ts";
import type { Difference } from "./differences.ts";
import { PENDING } from "./families/index.ts";
import { attempt, byKind, type Family, family, type Recorded, refusal } from "./family.ts";
import { runGolden } from "./runner.ts";

interface SquareCase extends Recorded {
  readonly number: number;
  readonly square?: number | string;
  readonly error?: string;
}

function square(number: number): number {
  if (number < 0) throw new FactoryError("schematic_invalid", `${number} is negative`);
  if (number > 1000) throw new RangeError("out of patience");
  return number ** 2;
}

/** A family of our own, so that the runner is judged and not the project. */
const SQUARES = family<SquareCase>("squares", (item) => ({
  recorded: refusal(item.error, "4xx") ?? item.square,
  ours: attempt(() => square(item.number)),
  waiting: item.number === 0 ? "zero" : undefined,
}));

type Files = Readonly<Record<string, unknown>>;

async function run(files: Files | undefined, differences: readonly Difference[] = []) {
  return await withFolder(async (parent) => {
    const folder = files ? parent : join(parent, "absent");
    for (const [name, content] of Object.entries(files ?? {})) {
      writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
    }
    const lines: string[] = [];
    const print = (line: string): number => lines.push(line);
    const code = await runGolden({ folder, defaults: parent, print, families: [SQUARES], differences });
    return { code, lines, text: lines.join("\n") };
  });
}

async function outcomes(of: Family, cases: readonly unknown[]): Promise<readonly string[]> {
  const out: string[] = [];
  for await (const { outcome } of of.run(cases, { inputs: "", json: () => undefined })) out.push(outcome.$case);
  return out;
}

test("cases that pass give exit code 0, the family's line and the total as the last line", async () => {
  const cases = [
    { number: 3, square: 9 },
    { number: -1, error: "whatever the words" },
  ];
  const { code, lines } = await run({ "squares.json": cases, "MANIFEST.json": {}, "enhance_fixtures.json": {} });
  assert.equal(code, 0);
  assert.deepEqual(lines, [
    "squares: 2 passed, 0 failed",
    ...PENDING.map((name) => `${name}: pending`),
    "2 passed, 0 failed",
  ]);
});

test("a case that differs is shown and gives exit code 1; the others still run", async () => {
  const cases = [
    { name: "wrong", number: 3, square: 10 },
    { name: "crash", number: 1001, square: 1 },
    { name: "accepted", number: 2, error: "no squares of two" },
    { name: "right", number: 4, square: 16 },
  ];
  const { code, lines, text } = await run({ "squares.json": cases });
  assert.equal(code, 1);
  assert.deepEqual(lines.slice(0, 3), ["squares #1 wrong: differs (- recorded, + ours)", "    - 10", "    + 9"]);
  assert.match(text, /squares #2 crash: differs .*\n {4}RangeError: out of patience\n/);
  assert.match(text, /- refused \(4xx\): no squares of two\n {4}\+ 4\n/);
  assert.match(text, /squares: 1 passed, 3 failed\n/);
  assert.equal(lines.at(-1), "1 passed, 3 failed");
});

test("only the first failures are shown", async () => {
  const { lines, text } = await run({ "squares.json": Array.from({ length: 9 }, () => ({ number: 1, square: 2 })) });
  assert.equal(lines.filter((line) => line.includes("differs")).length, 5);
  assert.match(text, /squares: 4 more failures are not shown\nsquares: 0 passed, 9 failed/);
});

test("a refusal of another HTTP class is a failure", async () => {
  const check = family<SquareCase>("squares", () => ({
    recorded: refusal("x", "4xx"),
    ours: attempt(() => {
      throw new FactoryError("unheard_of", "x");
    }),
  }));
  assert.deepEqual(await outcomes(check, [{ number: 1 }]), ["failed"]);
});

test("cases that do not gate, and parts that wait, are counted beside the total", async () => {
  const cases = [
    { number: 1, square: 5, yaml_sensitive: true },
    { number: 0, square: 0 },
  ];
  const { code, text } = await run({ "squares.json": cases });
  assert.equal(code, 0);
  assert.match(text, /^squares: 1 passed, 0 failed\n {4}1 left out: do not gate.*\n {4}1 waiting: zero\n/);
});

test("a decision covers refusals, never values", async () => {
  const decision = { family: "squares", label: /./, reason: "twos are welcome" };
  const cases = [
    { number: 2, error: "no squares of two" },
    { number: 3, square: 10 },
  ];
  const { code, text } = await run({ "squares.json": cases }, [decision]);
  assert.equal(code, 1);
  assert.match(text, /squares: 0 passed, 1 failed\n {4}1 different by decision: twos are welcome\n/);
});

test("a JSON file that no family reads is an error, and nothing runs", async () => {
  const { code, lines } = await run({ "squares.json": [], "circles.json": [] });
  assert.equal(code, 1);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /no family reads circles\.json$/);
});

test("a folder without vectors is an error, and so is one that does not exist", async () => {
  for (const files of [{}, { "MANIFEST.json": {}, "enhance_fixtures.json": {}, "notes.txt": "" }]) {
    const { code, text } = await run(files);
    assert.equal(code, 1);
    assert.match(text, /: no vector files$/);
  }
  const { code, text } = await run(undefined);
  assert.equal(code, 1);
  assert.match(text, /^there is no folder .*absent/);
});

test("a family whose file is absent does not run; pending ones are known", async () => {
  const { code, text, lines } = await run({ "oci.json": { cases: [] } });
  assert.equal(code, 0);
  assert.doesNotMatch(text, /squares/);
  assert.ok(lines.includes("oci: pending"));
  assert.equal(lines.at(-1), "0 passed, 0 failed");
});

test("a file that cannot be read as cases is one failure", async () => {
  for (const content of ["[{", { cases: [] }]) {
    const { code, text } = await run({ "squares.json": content });
    assert.equal(code, 1);
    assert.match(text, /squares: 0 passed, 1 failed/);
  }
});

test("a kind of case nobody knows is a failure of that case", async () => {
  const kinds = family("kinds", byKind({ one: () => ({ recorded: 1, ours: 1 }) }));
  const cases = [{ kind: "one" }, { kind: "two" }, { kind: "toString" }, {}, null];
  assert.deepEqual(await outcomes(kinds, cases), ["passed", "failed", "failed", "failed", "failed"]);
});
