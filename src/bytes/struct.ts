import { FactoryError } from "../errors.ts";

/** One field of a layout: how many bytes it takes, and how it is written and read at an offset. */
export interface Field<T> {
  readonly size: number;
  write(view: DataView, at: number, value: T): void;
  read(view: DataView, at: number): T;
}

export type StructError = "field_range" | "struct_short";

type Fields = Readonly<Record<string, Field<unknown>>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends ValueOf<F[K]> ? K : never }[keyof F];
/** The object a layout encodes: constant fields may be left out, all others are required. */
export type StructInput<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: ValueOf<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: ValueOf<F[K]>;
};
export type StructValue<F extends Fields> = { readonly [K in keyof F]: Exclude<ValueOf<F[K]>, undefined> };

/** A fixed-size record layout: an ordered list of named fields, each offset decided by its place. */
export interface Struct<F extends Fields> extends Field<StructInput<F>> {
  readonly name: string;
  /** Byte offset of each field from the start of the record. */
  readonly offsets: { readonly [K in keyof F]: number };
  encode(value: StructInput<F>): Uint8Array;
  /** Reads one record at `at`. Throws `struct_short` when the bytes end early. */
  decode(bytes: Uint8Array, at?: number): StructValue<F>;
}

/**
 * Declares a layout once; encoder, decoder, type and offsets follow from it.
 * `spec.size` is asserted at load, so a wrong field list never gets as far as a disk.
 */
export function struct<F extends Fields>(spec: { readonly name: string; readonly size: number }, fields: F): Struct<F> {
  const entries: { key: string; field: Field<unknown>; at: number }[] = [];
  const offsets: Record<string, number> = {};
  let size = 0;
  for (const [key, field] of Object.entries(fields)) {
    entries.push({ key, field, at: size });
    offsets[key] = size;
    size += field.size;
  }
  if (size !== spec.size)
    throw new Error(`struct ${spec.name}: fields take ${size} bytes, the layout has ${spec.size}`);

  const write = (view: DataView, base: number, value: StructInput<F>): void => {
    for (const { key, field, at } of entries) {
      try {
        field.write(view, base + at, (value as Record<string, unknown>)[key]);
      } catch (cause) {
        throw new FactoryError<StructError>("field_range", `${spec.name}.${key}: ${(cause as Error).message}`, {
          cause,
        });
      }
    }
  };
  const read = (view: DataView, base: number): StructValue<F> => {
    const out: Record<string, unknown> = {};
    for (const { key, field, at } of entries) out[key] = field.read(view, base + at);
    return out as StructValue<F>;
  };
  return {
    name: spec.name,
    size,
    offsets: offsets as { readonly [K in keyof F]: number },
    write,
    read: read as unknown as (view: DataView, at: number) => StructInput<F>,
    encode(value) {
      const bytes = new Uint8Array(size);
      write(new DataView(bytes.buffer), 0, value);
      return bytes;
    },
    decode(bytes, at = 0) {
      if (at < 0 || at + size > bytes.length) {
        throw new FactoryError<StructError>(
          "struct_short",
          `${spec.name}: needs ${size} bytes at ${at}, only ${Math.max(0, bytes.length - at)} are there`,
        );
      }
      return read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at);
    },
  };
}

function checkInteger(value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) throw new RangeError(`${value} is not in 0..${max}`);
}

function uint(
  size: number,
  write: (view: DataView, at: number, value: number) => void,
  read: (view: DataView, at: number) => number,
): Field<number> {
  const max = 2 ** (8 * size) - 1;
  return {
    size,
    write(view, at, value) {
      checkInteger(value, max);
      write(view, at, value);
    },
    read,
  };
}

export const u8: Field<number> = uint(
  1,
  (v, at, x) => v.setUint8(at, x),
  (v, at) => v.getUint8(at),
);
export const u16le: Field<number> = uint(
  2,
  (v, at, x) => v.setUint16(at, x, true),
  (v, at) => v.getUint16(at, true),
);
export const u16be: Field<number> = uint(
  2,
  (v, at, x) => v.setUint16(at, x),
  (v, at) => v.getUint16(at),
);
export const u32le: Field<number> = uint(
  4,
  (v, at, x) => v.setUint32(at, x, true),
  (v, at) => v.getUint32(at, true),
);
export const u32be: Field<number> = uint(
  4,
  (v, at, x) => v.setUint32(at, x),
  (v, at) => v.getUint32(at),
);

function uint64(littleEndian: boolean): Field<number> {
  return {
    size: 8,
    write(view, at, value) {
      checkInteger(value, Number.MAX_SAFE_INTEGER);
      view.setBigUint64(at, BigInt(value), littleEndian);
    },
    read(view, at) {
      const value = view.getBigUint64(at, littleEndian);
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} does not fit a safe integer`);
      return Number(value);
    },
  };
}

/** 64-bit offsets and counts, as safe integers. */
export const u64le: Field<number> = uint64(true);
export const u64be: Field<number> = uint64(false);

function bigUint64(littleEndian: boolean): Field<bigint> {
  return {
    size: 8,
    write: (view, at, value) => view.setBigUint64(at, value, littleEndian),
    read: (view, at) => view.getBigUint64(at, littleEndian),
  };
}

/** 64-bit flag words and "all ones" markers that are no safe integers. */
export const flags64le: Field<bigint> = bigUint64(true);
export const flags64be: Field<bigint> = bigUint64(false);

/** Exactly `size` bytes. */
export function bytes(size: number): Field<Uint8Array> {
  return {
    size,
    write(view, at, value) {
      if (value.length !== size) throw new RangeError(`expected ${size} bytes, got ${value.length}`);
      new Uint8Array(view.buffer, view.byteOffset + at, size).set(value);
    },
    read: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, size).slice(),
  };
}

/** ASCII text in `size` bytes, filled up with `pad` (NUL by default), which reading strips again. */
export function ascii(size: number, pad = 0): Field<string> {
  return {
    size,
    write(view, at, value) {
      if (value.length > size) throw new RangeError(`"${value}" is longer than ${size} bytes`);
      for (let i = 0; i < size; i++) {
        const code = i < value.length ? value.charCodeAt(i) : pad;
        if (code > 0x7f) throw new RangeError(`"${value}" is not ASCII`);
        view.setUint8(at + i, code);
      }
    },
    read(view, at) {
      let end = size;
      while (end > 0 && view.getUint8(at + end - 1) === pad) end--;
      let text = "";
      for (let i = 0; i < end; i++) text += String.fromCharCode(view.getUint8(at + i));
      return text;
    },
  };
}

/** A field with one legal value; left out of the input, and given back as read. */
export function constant<T extends {}>(field: Field<T>, value: T): Field<T | undefined> {
  return {
    size: field.size,
    write: (view, at) => field.write(view, at, value),
    read: (view, at) => field.read(view, at),
  };
}

/** Reserved bytes, written as zeros and ignored when read. */
export function zeros(size: number): Field<undefined> {
  return { size, write: () => undefined, read: () => undefined };
}

/** `count` fields of one kind in a row. */
export function array<T>(field: Field<T>, count: number): Field<readonly T[]> {
  return {
    size: field.size * count,
    write(view, at, values) {
      if (values.length !== count) throw new RangeError(`expected ${count} elements, got ${values.length}`);
      for (const [i, value] of values.entries()) field.write(view, at + i * field.size, value);
    },
    read: (view, at) => Array.from({ length: count }, (_, i) => field.read(view, at + i * field.size)),
  };
}
