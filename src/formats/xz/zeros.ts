import { concatBytes } from "../../bytes/text.ts";
import { CONTROL, LZMA_CHUNK, LZMA_CHUNK_MAX } from "./layout.ts";

/** Probabilities are 11 bits wide, start in the middle and move by a 32nd (LZMA specification, "range coder"). */
const PROBABILITY_BITS = 11;
const PROBABILITY_START = 1 << (PROBABILITY_BITS - 1);
const PROBABILITY_SHIFT = 5;
const RANGE_TOP = 2 ** 24;

/** Lengths of the highest of the three length trees, the only one used: 18 to 273. */
const MATCH_BITS = 8;
const MATCH_MIN = 18;
const MATCH_MAX = MATCH_MIN + 2 ** MATCH_BITS - 1;

const LITERAL_BITS = 8;

/** States of the LZMA machine that zeros pass through, of 12: how the last symbols were coded. */
const STATES = 12;
const STATE_LITERAL = 0;
const STATE_LITERAL_REPEAT = 8;
const STATE_LITERAL_SHORT = 9;
const STATE_REPEATS = 11;

/** A table of adaptive probabilities. */
type Probabilities = Uint16Array;

function probabilities(count: number): Probabilities {
  return new Uint16Array(count).fill(PROBABILITY_START);
}

/** The range encoder of LZMA: 32 bits of range, carries resolved through a run of pending 0xff bytes. */
class RangeEncoder {
  readonly #out: number[] = [];
  #low = 0;
  #range = 0xffffffff;
  #cache = 0;
  #pending = 1;

  bit(table: Probabilities, index: number, bit: 0 | 1): void {
    const probability = table[index]!;
    const bound = (this.#range >>> PROBABILITY_BITS) * probability;
    if (bit === 0) {
      this.#range = bound;
      table[index] = probability + (((1 << PROBABILITY_BITS) - probability) >>> PROBABILITY_SHIFT);
    } else {
      this.#low += bound;
      this.#range -= bound;
      table[index] = probability - (probability >>> PROBABILITY_SHIFT);
    }
    while (this.#range < RANGE_TOP) {
      this.#range = (this.#range * 256) >>> 0;
      this.#shift();
    }
  }

  /** `bits` bits of `value`, highest first, each with a probability of its own path. */
  tree(table: Probabilities, bits: number, value: number): void {
    for (let node = 1, i = bits - 1; i >= 0; i--) {
      const bit = ((value >>> i) & 1) as 0 | 1;
      this.bit(table, node, bit);
      node = node * 2 + bit;
    }
  }

  finish(): Uint8Array {
    for (let i = 0; i < 5; i++) this.#shift();
    return Uint8Array.from(this.#out);
  }

  #shift(): void {
    if (this.#low < 0xff000000 || this.#low > 0xffffffff) {
      const carry = this.#low > 0xffffffff ? 1 : 0;
      for (let byte = this.#cache; this.#pending > 0; this.#pending--, byte = 0xff) {
        this.#out.push((byte + carry) & 0xff);
      }
      this.#cache = Math.floor(this.#low / RANGE_TOP) & 0xff;
    }
    this.#pending++;
    this.#low = (this.#low % RANGE_TOP) * 256;
  }
}

/**
 * `length` zero bytes (1 and more) as LZMA with lc = lp = pb = 0: one literal, then repeats of the distance
 * a fresh state starts with, which is the byte before. Nothing in it depends on what stands before the chunk.
 */
function encodeZeros(length: number): Uint8Array {
  const coder = new RangeEncoder();
  const isMatch = probabilities(STATES);
  const isRepeat = probabilities(STATES);
  const isOlder = probabilities(STATES);
  const isLong = probabilities(STATES);
  const literal = probabilities(2 ** LITERAL_BITS);
  const lengthChoice = probabilities(2);
  const lengths = probabilities(2 ** MATCH_BITS);

  coder.bit(isMatch, STATE_LITERAL, 0);
  coder.tree(literal, LITERAL_BITS, 0);
  let state = STATE_LITERAL;
  for (let rest = length - 1; rest > 0; ) {
    const part = rest < MATCH_MIN ? 1 : Math.min(rest, MATCH_MAX);
    coder.bit(isMatch, state, 1);
    coder.bit(isRepeat, state, 1);
    coder.bit(isOlder, state, 0);
    coder.bit(isLong, state, part > 1 ? 1 : 0);
    if (part > 1) {
      coder.bit(lengthChoice, 0, 1);
      coder.bit(lengthChoice, 1, 1);
      coder.tree(lengths, MATCH_BITS, part - MATCH_MIN);
    }
    if (state !== STATE_LITERAL) state = STATE_REPEATS;
    else state = part > 1 ? STATE_LITERAL_REPEAT : STATE_LITERAL_SHORT;
    rest -= part;
  }
  return coder.finish();
}

function zeroChunk(packed: Uint8Array, length: number, first: boolean): Uint8Array {
  const control = first ? CONTROL.lzmaDictionaryReset : CONTROL.lzmaNewProperties;
  const header = LZMA_CHUNK.encode({
    control: control | ((length - 1) >>> 16),
    sizeMinus1: (length - 1) & 0xffff,
    packedMinus1: packed.length - 1,
    properties: 0,
  });
  return concatBytes(header, packed);
}

/** Gives LZMA2 chunks of zeros, each a reset of its own; remembers them, because long runs repeat one chunk. */
export class ZeroChunks {
  readonly #packed = new Map<number, Uint8Array>();

  /** `length` zeros as chunks one after another; `first` when they begin a block. */
  of(length: number, first: boolean): Uint8Array {
    const chunks: Uint8Array[] = [];
    for (let rest = length; rest > 0; rest -= LZMA_CHUNK_MAX) {
      const size = Math.min(rest, LZMA_CHUNK_MAX);
      chunks.push(zeroChunk(this.#encoded(size), size, first && rest === length));
    }
    return concatBytes(...chunks);
  }

  #encoded(length: number): Uint8Array {
    const packed = this.#packed.get(length) ?? encodeZeros(length);
    this.#packed.set(length, packed);
    return packed;
  }
}
