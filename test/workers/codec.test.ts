import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { buildNative } from "../../native/build.ts";
import { KiB, MiB } from "../../src/bytes/align.ts";
import { crc32 } from "../../src/bytes/crc32.ts";
import { concatBytes, utf8 } from "../../src/bytes/text.ts";
import type { XzOptions, ZstdOptions } from "../../src/formats/codec.ts";
import { inspectFrame } from "../../src/formats/zstd/index.ts";
import { createFallbackCodec, createNativeCodec, type LzmaCodec, loadCodec } from "../../src/workers/codec.ts";
import { gathered } from "../../src/workers/codec-limits.ts";
import { noise } from "../support/recipes.ts";

type Source = AsyncIterable<Uint8Array>;

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all(source: Source): Promise<Buffer> {
  return Buffer.from(await gathered(source));
}

const SAMPLE = concatBytes(noise(200 * KiB, 3), new Uint8Array(MiB), utf8("talos ".repeat(100_000)), noise(99, 4));
const SMALL = utf8("a small piece of text, a small piece of text");
const SKIPPABLE = Uint8Array.of(0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5);

/** The two formats behind one face, so that each rule is stated once. */
interface Format {
  readonly name: "zstd" | "xz";
  encode(codec: LzmaCodec, bytes: Uint8Array): Promise<Uint8Array>;
  encodeStream(codec: LzmaCodec, source: Source, threads?: number): Source;
  decode(codec: LzmaCodec, source: Source): Source;
}

const ZSTD: ZstdOptions = { level: 3, checksum: true };
const XZ: XzOptions = { preset: 0, check: "crc32" };

const FORMATS: readonly Format[] = [
  {
    name: "zstd",
    encode: (codec, bytes) => codec.zstd(bytes, ZSTD),
    encodeStream: (codec, source, threads = 0) => codec.zstdStream(source, { ...ZSTD, threads }),
    decode: (codec, source) => codec.unzstd(source),
  },
  {
    name: "xz",
    encode: (codec, bytes) => codec.xz(bytes, XZ),
    encodeStream: (codec, source, threads = 0) => codec.xzStream(source, { ...XZ, threads }),
    decode: (codec, source) => codec.unxz(source),
  },
];

type Name = "native" | "fallback";

const built = buildNative();

/** What both codecs must do. */
function contract(name: Name, create: () => LzmaCodec): void {
  describe(`codec contract: ${name}`, () => {
    let codec: LzmaCodec;
    before(() => {
      codec = create();
    });
    for (const format of FORMATS) {
      describe(format.name, () => {
        roundTrips(format, () => codec);
        determinism(format, () => codec);
        faults(format, () => codec);
        flow(format, () => codec);
      });
    }
    options(() => codec);
    zstdOnly(() => codec);
    xzOnly(() => codec);
    threads(name);
  });
}

function roundTrips(format: Format, codec: () => LzmaCodec): void {
  it("gives back what it was given", async () => {
    for (const bytes of [SAMPLE, SMALL, new Uint8Array(0), Uint8Array.of(0)]) {
      const whole = await format.encode(codec(), bytes);
      assert.deepEqual(await all(format.decode(codec(), chunks(whole))), Buffer.from(bytes));
      const streamed = await all(format.encodeStream(codec(), cut(bytes, 70_000)));
      assert.deepEqual(await all(format.decode(codec(), cut(streamed, 30_000))), Buffer.from(bytes));
    }
  });

  it("decodes streams one after another, in one chunk and across chunks", async () => {
    const one = await format.encode(codec(), SMALL);
    const other = await format.encode(codec(), SAMPLE);
    const joined = concatBytes(one, other, one);
    const expected = Buffer.concat([SMALL, SAMPLE, SMALL]);
    assert.deepEqual(await all(format.decode(codec(), chunks(joined))), expected);
    assert.deepEqual(await all(format.decode(codec(), cut(joined, 1001))), expected);
    assert.deepEqual(await all(format.decode(codec(), chunks(one, other, one))), expected);
  });

  it("takes one byte at a time", async () => {
    const encoded = await all(format.encodeStream(codec(), cut(SMALL, 1)));
    const twice = concatBytes(encoded, encoded);
    assert.deepEqual(await all(format.decode(codec(), cut(twice, 1))), Buffer.concat([SMALL, SMALL]));
  });

  it("takes empty chunks anywhere", async () => {
    const nothing = new Uint8Array(0);
    const encoded = await all(format.encodeStream(codec(), chunks(nothing, SMALL, nothing)));
    assert.deepEqual(await all(format.decode(codec(), chunks(nothing, encoded, nothing))), Buffer.from(SMALL));
  });
}

function determinism(format: Format, codec: () => LzmaCodec): void {
  it("gives the same bytes however the input is cut", async () => {
    const whole = await all(format.encodeStream(codec(), chunks(SAMPLE)));
    for (const size of [1000, 65_536, 131_072, 999_999]) {
      assert.deepEqual(await all(format.encodeStream(codec(), cut(SAMPLE, size))), whole, `chunks of ${size}`);
    }
  });

  it("gives the same bytes for any number of threads", async () => {
    const one = await all(format.encodeStream(codec(), chunks(SAMPLE), 0));
    for (const threads of [1, 2, 3]) {
      assert.deepEqual(await all(format.encodeStream(codec(), chunks(SAMPLE), threads)), one, `${threads} threads`);
    }
  });
}

function faults(format: Format, codec: () => LzmaCodec): void {
  const decode = (bytes: Uint8Array): Promise<Buffer> => all(format.decode(codec(), chunks(bytes)));

  it("refuses a truncated end, wherever it is", async () => {
    const encoded = await format.encode(codec(), SMALL);
    for (let length = 0; length < encoded.length; length++) {
      await assert.rejects(decode(encoded.subarray(0, length)), { code: "codec_truncated" }, `${length} bytes`);
    }
    await assert.rejects(decode(concatBytes(encoded, encoded.subarray(0, 7))), { code: "codec_truncated" });
    const large = await format.encode(codec(), SAMPLE);
    await assert.rejects(decode(large.subarray(0, 100_000)), { code: "codec_truncated" });
  });

  it("refuses damage", async () => {
    const encoded = await format.encode(codec(), SAMPLE);
    for (const at of [0, 3, 100_000, encoded.length - 1]) {
      const damaged = Uint8Array.from(encoded);
      damaged[at]! ^= 0x10;
      await assert.rejects(decode(damaged), { code: "codec_damaged" }, `byte ${at}`);
    }
    await assert.rejects(decode(utf8("this is no compressed stream at all")), { code: "codec_damaged" });
    await assert.rejects(decode(concatBytes(encoded, utf8("something else"))), { code: "codec_damaged" });
  });

  it("passes on what the source throws", async () => {
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield SMALL;
      throw new Error("the source failed");
    };
    await assert.rejects(all(format.encodeStream(codec(), failing())), { message: "the source failed" });
  });
}

function flow(format: Format, codec: () => LzmaCodec): void {
  it("hands highly repetitive data over in small pieces", async () => {
    const zeros = new Uint8Array(MiB);
    const many = async function* (): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 48; i++) yield zeros;
    };
    const bomb = await all(format.encodeStream(codec(), many()));
    let total = 0;
    for await (const piece of format.decode(codec(), chunks(bomb))) {
      assert.ok(piece.length <= 4 * MiB, `a piece of ${piece.length} bytes`);
      total += piece.length;
    }
    assert.equal(total, 48 * MiB);
  });

  it("can be left before the end", async () => {
    const encoded = await format.encode(codec(), SAMPLE);
    for await (const piece of format.decode(codec(), cut(encoded, 1000))) {
      assert.ok(piece.length > 0);
      break;
    }
    for await (const piece of format.encodeStream(codec(), cut(noise(4 * MiB), 100_000))) {
      assert.ok(piece.length > 0);
      break;
    }
  });

  it("runs four streams at once", async () => {
    const inputs = [1, 2, 3, 4].map((seed) => concatBytes(noise(300_000, seed), SAMPLE));
    const outputs = await Promise.all(
      inputs.map((bytes) => all(format.decode(codec(), format.encodeStream(codec(), cut(bytes, 50_000))))),
    );
    for (const [i, output] of outputs.entries()) assert.ok(output.equals(inputs[i]!), `stream ${i}`);
  });
}

function options(codec: () => LzmaCodec): void {
  const REFUSED: [name: string, run: () => Promise<unknown>][] = [
    ["zstd level 0", () => codec().zstd(SMALL, { level: 0 })],
    ["zstd level 20", () => all(codec().zstdStream(chunks(SMALL), { level: 20 }))],
    ["zstd threads", () => codec().zstd(SMALL, { level: 1, threads: -1 })],
    ["zstd size too small", () => all(codec().zstdStream(chunks(SMALL), { level: 1, size: SMALL.length - 1 }))],
    ["zstd size too large", () => all(codec().zstdStream(chunks(SMALL), { level: 1, size: SMALL.length + 1 }))],
    ["xz preset 10", () => codec().xz(SMALL, { preset: 10, check: "crc32" })],
    ["xz dictionary", () => all(codec().xzStream(chunks(SMALL), { preset: 1, check: "crc32", dictionary: 1 }))],
    ["lzma1 lc + lp", () => codec().lzma1(SMALL, { lc: 3, lp: 2, pb: 0, dictionary: 64 * KiB })],
  ];
  for (const [name, run] of REFUSED) {
    it(`refuses options: ${name}`, () => assert.rejects(run(), { code: "codec_options" }));
  }

  it("encodes raw LZMA1, the first byte of its range coder being zero", async () => {
    const encoded = await codec().lzma1(SAMPLE, { lc: 3, lp: 0, pb: 2, dictionary: 64 * KiB });
    assert.equal(encoded[0], 0);
    assert.ok(encoded.length < SAMPLE.length / 2);
  });
}

function zstdOnly(codec: () => LzmaCodec): void {
  it("zstd: passes over skippable frames, at the start, between and alone", async () => {
    const frame = await codec().zstd(SMALL, ZSTD);
    const mixed = concatBytes(SKIPPABLE, frame, SKIPPABLE, frame, SKIPPABLE);
    assert.deepEqual(await all(codec().unzstd(chunks(mixed))), Buffer.concat([SMALL, SMALL]));
    assert.deepEqual(await all(codec().unzstd(cut(mixed, 3))), Buffer.concat([SMALL, SMALL]));
    assert.equal((await all(codec().unzstd(chunks(SKIPPABLE)))).length, 0);
    await assert.rejects(all(codec().unzstd(chunks(SKIPPABLE.subarray(0, 10)))), { code: "codec_truncated" });
  });

  it("zstd: writes one frame that says what was asked", async () => {
    const whole = inspectFrame(await codec().zstd(SAMPLE, { level: 3 }));
    assert.ok(whole.$case === "frame" && whole.contentSize === SAMPLE.length && !whole.checksum);
    const bytes = await all(codec().zstdStream(cut(SAMPLE, 5000), ZSTD));
    const streamed = inspectFrame(bytes);
    assert.ok(streamed.$case === "frame" && streamed.contentSize === undefined && streamed.checksum);
    assert.equal(streamed.length, bytes.length);
    const sized = inspectFrame(await all(codec().zstdStream(chunks(SAMPLE), { level: 3, size: SAMPLE.length })));
    assert.ok(sized.$case === "frame" && sized.contentSize === SAMPLE.length);
  });

  it("zstd: refuses a window above 128 MiB", async () => {
    const frame = (window: number): Uint8Array => Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, window, 1, 0, 0);
    assert.equal((await all(codec().unzstd(chunks(frame(17 << 3))))).length, 0);
    await assert.rejects(all(codec().unzstd(chunks(frame(18 << 3)))), { code: "codec_limit" });
  });
}

/** An .xz stream of one empty LZMA2 block with the given dictionary size byte; ends after the block. */
function xzWithDictionary(size: number): Uint8Array {
  const sealed = (...bytes: number[]): Uint8Array => {
    const out = new Uint8Array(bytes.length + 4);
    out.set(bytes);
    new DataView(out.buffer).setUint32(bytes.length, crc32(Uint8Array.from(bytes)), true);
    return out;
  };
  const magic = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0);
  return concatBytes(magic, sealed(0, 1), sealed(2, 0, 0x21, 1, size, 0, 0, 0), new Uint8Array(8));
}

function xzOnly(codec: () => LzmaCodec): void {
  it("xz: accepts padding between and behind streams, in multiples of four", async () => {
    const stream = await codec().xz(SMALL, XZ);
    const padding = new Uint8Array(8);
    const padded = concatBytes(stream, padding, stream, padding);
    assert.deepEqual(await all(codec().unxz(chunks(padded))), Buffer.concat([SMALL, SMALL]));
    assert.deepEqual(await all(codec().unxz(cut(padded, 5))), Buffer.concat([SMALL, SMALL]));
    await assert.rejects(all(codec().unxz(chunks(concatBytes(stream, new Uint8Array(3))))), /./);
  });

  it("xz: writes the check that was asked, with every preset and dictionary", async () => {
    for (const [check, id] of [
      ["crc32", 1],
      ["crc64", 4],
    ] as const) {
      assert.equal((await codec().xz(SMALL, { preset: 0, check }))[7], id);
    }
    for (let preset = 0; preset <= 9; preset++) {
      const encoded = await codec().xz(SMALL, { preset, check: "crc64", extreme: preset % 2 === 1 });
      assert.deepEqual(await all(codec().unxz(chunks(encoded))), Buffer.from(SMALL));
    }
    const encoded = await codec().xz(SAMPLE, { preset: 6, check: "crc32", dictionary: 128 * KiB });
    assert.ok(
      Buffer.from(encoded)
        .subarray(12, 32)
        .includes(Buffer.of(0x21, 1, 10)),
      "LZMA2 with 128 KiB",
    );
    assert.deepEqual(await all(codec().unxz(chunks(encoded))), Buffer.from(SAMPLE));
  });

  it("xz: refuses a dictionary that needs more than 256 MiB", async () => {
    await assert.rejects(all(codec().unxz(chunks(xzWithDictionary(8)))), { code: "codec_truncated" });
    await assert.rejects(all(codec().unxz(chunks(xzWithDictionary(34)))), { code: "codec_limit" });
    await assert.rejects(all(codec().unxz(chunks(xzWithDictionary(41)))), { code: "codec_damaged" });
  });
}

/** Starts a thread that works with the codec, and gives what it reports first. */
function inThread(name: Name, endless: boolean): { worker: Worker; report: Promise<unknown> } {
  const worker = new Worker(new URL("./codec-thread.ts", import.meta.url), { workerData: { name, endless } });
  const report = new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  return { worker, report };
}

function threads(name: Name): void {
  it("works in several worker threads at once", async () => {
    const reports = [1, 2, 3].map(() => inThread(name, false).report);
    assert.deepEqual(await Promise.all(reports), ["done", "done", "done"]);
  });

  // lzma-native aborts the process here, which the fallback says of itself.
  if (name === "fallback") return;
  it("lets worker threads be terminated while they work", async () => {
    for (let round = 0; round < 3; round++) {
      const { worker, report } = inThread(name, true);
      assert.equal(await report, "working");
      await worker.terminate();
    }
  });
}

contract("fallback", createFallbackCodec);
contract("native", () => {
  if (!built.ok) assert.fail(`the native codec is not built: ${built.reason}`);
  return createNativeCodec();
});

describe("codecs together", () => {
  it("decode each other", async () => {
    const codecs = [createNativeCodec(), createFallbackCodec()];
    for (const format of FORMATS) {
      for (const [from, to] of [codecs, codecs.toReversed()] as [LzmaCodec, LzmaCodec][]) {
        const bytes = concatBytes(
          await format.encode(from, SAMPLE),
          await all(format.encodeStream(from, chunks(SMALL))),
        );
        assert.deepEqual(await all(format.decode(to, chunks(bytes))), Buffer.concat([SAMPLE, SMALL]));
      }
    }
  });

  it("are chosen by loadCodec, and named", () => {
    const native = loadCodec();
    assert.deepEqual([native.native, native.reason], [true, undefined]);
    assert.match(native.codec.zstdId, /^libzstd 1\.\d+\.\d+ threaded$/);
    assert.match(native.codec.xzId, /^liblzma 5\.\d+\.\d+ threaded$/);
    const fallback = loadCodec({ forceFallback: true });
    assert.deepEqual([fallback.native, fallback.reason], [false, "the fallback is forced"]);
    assert.notEqual(fallback.codec.zstdId, native.codec.zstdId);
    assert.notEqual(fallback.codec.xzId, native.codec.xzId);
  });
});
