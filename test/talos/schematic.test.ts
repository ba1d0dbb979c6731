import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EMPTY_SCHEMATIC, parseSchematic, type Schematic } from "../../src/talos/schematic.ts";
import { emitSchematic, schematicId } from "../../src/talos/schematic-emit.ts";
import { sortedMap, type YamlValue, yaml } from "../../src/talos/yaml-value.ts";
import { loadVectors } from "./vectors.ts";

interface Row {
  readonly input: string;
  readonly canonical?: string;
  readonly error?: true;
}

test("canonical text of the reference, and refusals where it refuses", () => {
  for (const { input, canonical, error } of loadVectors<Row>("schematics")) {
    if (error) assert.throws(() => parseSchematic(input), { code: "schematic_invalid" }, JSON.stringify(input));
    else assert.equal(emitSchematic(parseSchematic(input)), canonical, JSON.stringify(input));
  }
});

/** factory.md 2.1, check values. */
const IDS: readonly (readonly [string, string])[] = [
  ["{}", "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"],
  [
    "customization: {extraKernelArgs: [noapic, nolapic]}",
    "9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c",
  ],
  [
    "customization: {meta: [{key: 0xa, value: foo}]}",
    "d308a2a5ee2277bed5fbaa104fcbc8d59122abfa737df987a95b4ca763459a7f",
  ],
  [
    "customization: {secureboot: {includeWellKnownCertificates: yes}}",
    "fa8e05f142a851d3ee568eb0a8e5841eaf6b0ebc8df9a63df16ac5ed2c04f3e6",
  ],
  [
    "customization: {diskImage: {sectorSize: 4096}}",
    "92833e9ddd9bb9e11b2464fa5525429f01866306d52ebd882ee08d7918f6d1ea",
  ],
  ["customization: {bootloader: SD-Boot}", "9ed5fecdacb36b5c5427b87d409f1065cfb2df69b0f71c58b868d9d466d8dab3"],
  [
    '{"overlay":{"image":"siderolabs/sbc-raspberrypi","name":"rpi_generic"}}',
    "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9",
  ],
  ["owner: bob", "aa2d720e30aaae1491e500c29ae5413c7f962b7b462a3a577b993c4c0fa4bfa5"],
  [
    'customization: {embeddedMachineConfiguration: "a: b\\n---\\nc: d\\n"}',
    "0bdcf367f6a2b328931bdac1c7588449ca5433cb90c1e0a83b336ef30db9c382",
  ],
];

test("ids", () => {
  for (const [input, id] of IDS) assert.equal(schematicId(parseSchematic(input)), id, input);
  assert.deepEqual(parseSchematic("---\n"), EMPTY_SCHEMATIC);
});

test("UTF-16 with a byte order mark is read", () => {
  const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from("owner: é", "utf16le")]);
  assert.equal(parseSchematic(bytes).owner, "é");
});

/** Refusals are shown to clients, so their words count (factory.md 2.2). */
const REFUSALS: readonly (readonly [string, string])[] = [
  ["", "EOF"],
  ["# only a comment\n", "EOF"],
  [
    "customization:\n  foo: bar\n  baz: 1\n",
    "yaml: construct errors: line 2: field foo not found in type schematic.Customization; line 3: field baz not found in type schematic.Customization",
  ],
  [
    "a: 1\nb: 2",
    "yaml: construct errors: line 1: field a not found in type schematic.Schematic; line 2: field b not found in type schematic.Schematic",
  ],
  ["owner: a\nowner: b\n", 'yaml: construct errors: line 2: mapping key "owner" already defined at line 1'],
  [
    "customization:\n  meta:\n    - key: 256\n",
    "yaml: construct errors: line 3: cannot construct !!int `256` into uint8",
  ],
  [
    "customization:\n  bootloader: auto\n",
    "yaml: construct errors: line 2: auto does not belong to BootloaderKind values",
  ],
  ["customization: *x\n", "yaml: line 1: unknown anchor 'x' referenced"],
  ["owner: \u0001\n", "yaml: control characters are not allowed (value: 1)"],
  ["%YAML 1.2\n---\n{}\n", "yaml: line 1: found incompatible YAML document"],
  ["customization: [\n", "yaml: line 2: did not find expected node content"],
];

test("words of refusals", () => {
  for (const [input, message] of REFUSALS) {
    assert.throws(() => parseSchematic(input), { code: "schematic_invalid", message }, JSON.stringify(input));
  }
});

/** Text of all kinds the emitter treats apart. */
const text = fc.oneof(
  fc.string({ unit: "binary" }).map((value) => value.toWellFormed()),
  fc.string({
    unit: fc.constantFrom("a", " ", "\n", "\t", ":", "#", "-", "'", '"', "\\", "~", "0", "é", "😀", "\u0085", "\u2028"),
  }),
  fc.constantFrom("yes", "null", "1e3", "0x1F", "12:30", "2020-01-01", "<<", "=", "---", "? x", "- x", "\ufeffx", "|"),
);
const scalar: fc.Arbitrary<YamlValue> = fc.oneof(
  text.map(yaml.string),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).map(yaml.int),
  fc.boolean().map(yaml.bool),
  fc.constant<YamlValue>({ $case: "null" }),
  // Whole floats are written like integers and read back as such.
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .filter((value) => !Number.isInteger(value))
    .map((value): YamlValue => ({ $case: "float", value })),
);
const { value: option } = fc.letrec<{ value: YamlValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie("value"), { maxLength: 3 }).map(yaml.seq),
    fc.dictionary(text, tie("value"), { maxKeys: 3 }).map((map) => sortedMap(yaml.map(Object.entries(map)).entries)),
  ),
}));
const schematic: fc.Arbitrary<Schematic> = fc
  .record({
    owner: text,
    image: text,
    options: fc.dictionary(text, option, { maxKeys: 4 }),
    config: text,
    args: fc.array(text, { maxLength: 4 }),
    meta: fc.array(
      fc.tuple(fc.nat(255), text).map(([key, value]) => ({ key, value })),
      { maxLength: 3 },
    ),
    extensions: fc.array(text, { maxLength: 2 }),
    bootloader: fc.constantFrom("none", "grub", "sd-boot", "dual-boot"),
    wellKnown: fc.boolean(),
    sectorSize: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  })
  .map((r) => ({
    owner: r.owner,
    overlay: { image: r.image, name: "", options: sortedMap(yaml.map(Object.entries(r.options)).entries) },
    customization: {
      embeddedMachineConfiguration: r.config,
      extraKernelArgs: r.args,
      meta: r.meta,
      systemExtensions: { officialExtensions: r.extensions },
      bootloader: r.bootloader,
      secureboot: { enrollKeys: "", includeWellKnownCertificates: r.wellKnown },
      diskImage: { sectorSize: r.sectorSize },
    },
  }));

test("what is emitted reads back the same, and its id with it", () => {
  fc.assert(
    fc.property(schematic, (value) => {
      const canonical = emitSchematic(value);
      const again = parseSchematic(canonical);
      assert.deepEqual(again, value, canonical);
      assert.equal(schematicId(again), schematicId(value));
    }),
    { numRuns: 300 },
  );
});
