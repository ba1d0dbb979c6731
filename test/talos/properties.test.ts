import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Cmdline, parseCmdline, renderCmdline } from "../../src/talos/cmdline.ts";
import { decodeMeta, encodeMeta, type MetaValue, parseMeta, renderMeta } from "../../src/talos/meta.ts";
import { PLATFORMS } from "../../src/talos/platform.ts";
import { EMPTY_PROFILE, mergeProfiles } from "../../src/talos/profile-model.ts";
import { assetPath, profileFromPath } from "../../src/talos/profile-names.ts";
import { emitProfile, parseProfile } from "../../src/talos/profile-yaml.ts";
import { quirks } from "../../src/talos/quirks.ts";
import { parseSchematic } from "../../src/talos/schematic.ts";
import { emitSchematic, schematicId } from "../../src/talos/schematic-emit.ts";
import { parseTolerant } from "../../src/talos/version.ts";

/** Any text but halves of runes, which no file can hold. */
const anyText = fc.string({ unit: "binary", maxLength: 30 }).map((text) => text.toWellFormed());
/** Text of what is special somewhere. */
const oddText = fc.oneof(
  fc.string({
    unit: fc.constantFrom(
      ..."a \n\t\r:#-'\"\\~0é,[]{}&*!|>%@`?=.<\0\u0085\u00a0\u2028\u2029\ufeff\ufffe",
      "😀",
      "  ",
      ": ",
    ),
    maxLength: 16,
  }),
  fc.constantFrom(
    "yes",
    "null",
    "1e3",
    "0x1F",
    "12:30",
    "2020-01-01",
    "<<",
    "=",
    "---",
    "? x",
    "- x",
    "\ufeffx",
    "|",
    "",
  ),
);
const text = fc.oneof(anyText, oddText);

test("command lines: what is rendered parses to the same list", () => {
  const word = text.map((word) => word.replace(/[\s=\u0085]/g, "")).filter((word) => word !== "");
  const values = fc.array(
    text.map((value) => value.replace(/[\s\u0085]/g, "")),
    { minLength: 1, maxLength: 3 },
  );
  const cmdline = fc.uniqueArray(fc.record({ key: word, values }, { noNullPrototype: true }), {
    selector: ({ key }) => key,
    maxLength: 8,
  });
  fc.assert(
    fc.property(cmdline, (line: Cmdline) => {
      assert.deepEqual(parseCmdline(renderCmdline(line)), line);
    }),
  );
});

test("asset paths: what a path asks for has that path", () => {
  const target = fc
    .tuple(fc.constantFrom(...PLATFORMS), fc.constantFrom("amd64", "arm64"), fc.constantFrom("", "-secureboot"))
    .map((parts) => `${parts[0]}-${parts[1]}${parts[2]}`);
  const arch = fc.constantFrom("amd64", "arm64");
  const path = fc.oneof(
    arch.map((name) => `kernel-${name}`),
    fc
      .tuple(arch, fc.constantFrom("", "-secureboot"))
      .map(([name, secureboot]) => `installer-${name}${secureboot}.tar`),
    target.map((name) => `cmdline-${name}`),
    target.map((name) => `${name}.iso`),
    target.map((name) => `${name}-uki.efi`),
    fc
      .tuple(
        target,
        fc.constantFrom("raw", "qcow2", "vhd", "ova"),
        fc.constantFrom("", ".xz", ".gz", ".zst", ".tar.gz"),
      )
      .map((parts) => `${parts[0]}.${parts[1]}${parts[2]}`),
  );
  fc.assert(
    fc.property(path, (name) => {
      const asked = profileFromPath(name);
      assert.equal(assetPath(asked), name);
      assert.deepEqual(profileFromPath(assetPath(asked)), asked);
    }),
  );
});

test("META values: flags and the list on a kernel command line", () => {
  const value: fc.Arbitrary<MetaValue> = fc
    .tuple(fc.nat(255), fc.oneof(text, fc.string({ minLength: 200 })))
    .map(([key, value]) => ({ key, value }));
  fc.assert(
    fc.property(value, (one) => {
      assert.deepEqual(parseMeta(renderMeta(one)), one);
    }),
  );
  // A semicolon separates the values of a list.
  const plain = value.map((one) => ({ ...one, value: one.value.replaceAll(";", "").toWellFormed() }));
  fc.assert(
    fc.property(fc.array(plain, { maxLength: 6 }), fc.constantFrom("1.6.2", "1.14.0"), (values, version) => {
      assert.deepEqual(decodeMeta(encodeMeta(values, quirks(parseTolerant(version)))), values);
    }),
  );
});

/** JSON is YAML but for surrogate pairs: a rune above U+FFFF is written raw, control characters and breaks as escapes. */
function document(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

const { option } = fc.letrec<{ option: unknown }>((tie) => ({
  option: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("option"), { maxLength: 3 }),
    fc.dictionary(text, tie("option"), { maxKeys: 3, noNullPrototype: true }),
  ),
}));

test("schematics: the canonical form is its own canonical form, and ids with it", () => {
  const schematic = fc.record(
    {
      owner: text,
      overlay: fc.record({
        name: text,
        image: text,
        options: fc.dictionary(text, option, { maxKeys: 4, noNullPrototype: true }),
      }),
      customization: fc.record(
        {
          embeddedMachineConfiguration: text,
          extraKernelArgs: fc.array(text, { maxLength: 4 }),
          meta: fc.array(fc.record({ key: fc.nat(255), value: text }), { maxLength: 3 }),
          systemExtensions: fc.record({ officialExtensions: fc.array(text, { maxLength: 3 }) }),
          bootloader: fc.constantFrom("none", "grub", "sd-boot", "DUAL-boot"),
          secureboot: fc.record({ enrollKeys: text, includeWellKnownCertificates: fc.boolean() }),
          diskImage: fc.record({ sectorSize: fc.nat() }),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(schematic, (value) => {
      const first = parseSchematic(document(value));
      const canonical = emitSchematic(first);
      const again = parseSchematic(canonical);
      assert.equal(emitSchematic(again), canonical);
      assert.equal(schematicId(again), schematicId(first));
      assert.equal(first.owner, value.owner ?? "");
      assert.deepEqual(first.customization.extraKernelArgs, value.customization?.extraKernelArgs ?? []);
      assert.deepEqual(again.customization, first.customization);
    }),
    { numRuns: 300 },
  );
});

/** Free values whose type follows from their name, as values of different types do not merge. */
const options = fc.record(
  {
    text,
    number: fc.integer(),
    flag: fc.boolean(),
    list: fc.array(fc.oneof(text, fc.integer()), { maxLength: 3 }),
    map: fc.record({ text, list: fc.array(text, { maxLength: 2 }) }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const container = fc.record({ imageRef: text, tarballPath: text, forceInsecure: fc.boolean() }, { requiredKeys: [] });
const file = fc.record({ path: text }, { requiredKeys: [] });
const profile = fc
  .record(
    {
      baseProfileName: text,
      arch: text,
      platform: text,
      secureboot: fc.option(fc.boolean()),
      version: text,
      customization: fc.record(
        {
          extraKernelArgs: fc.array(text, { maxLength: 3 }),
          metaContents: fc.array(fc.record({ key: fc.nat(255), value: text }), { maxLength: 2 }),
        },
        { requiredKeys: [] },
      ),
      input: fc.record(
        {
          kernel: file,
          baseInstaller: container,
          secureboot: fc.record({ includeWellKnownCerts: fc.boolean(), platformKeyPath: text }, { requiredKeys: [] }),
          systemExtensions: fc.array(container, { maxLength: 2 }),
        },
        { requiredKeys: [] },
      ),
      overlay: fc.record({ name: text, image: container, options }, { requiredKeys: [] }),
      output: fc.record(
        {
          kind: fc.constantFrom("unknown", "iso", "image", "installer"),
          imageOptions: fc.record(
            { diskSize: fc.nat(), diskFormat: fc.constantFrom("raw", "ova") },
            { requiredKeys: [] },
          ),
          outFormat: fc.constantFrom("raw", ".zst"),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  )
  .map((value) => parseProfile(document(value)));

test("profiles: merging is associative, and nothing under a profile is that profile", () => {
  fc.assert(
    fc.property(profile, profile, profile, (a, b, c) => {
      assert.deepEqual(mergeProfiles(mergeProfiles(a, b), c), mergeProfiles(a, mergeProfiles(b, c)));
      assert.deepEqual(mergeProfiles(EMPTY_PROFILE, a), a);
    }),
    { numRuns: 200 },
  );
});

test("profiles: the dump reads back the same", () => {
  fc.assert(
    fc.property(profile, (value) => {
      assert.deepEqual(parseProfile(emitProfile(value)), value);
    }),
    { numRuns: 300 },
  );
});
