/**
 * What a profile is made of, as values: each field knows how it is read, printed and merged, and when it counts as not set
 * (imager.md 1.3, 1.9, 1.10). `profile-model.ts` puts them together.
 */
import { type FieldDecoder, isNull } from "./yaml-decode.ts";
import { mergeMaps } from "./yaml-merge.ts";
import type { YamlNode } from "./yaml-node.ts";
import { type YamlMap, type YamlValue, yaml } from "./yaml-value.ts";

export interface Field<T> {
  /** The value of a field that is not set. */
  readonly zero: T;
  readonly isZero: (value: T) => boolean;
  /** Faults are gathered by the decoder. */
  readonly decode: (decoder: FieldDecoder, node: YamlNode | undefined) => T;
  readonly encode: (value: T) => YamlValue;
  /** `right` over `left`. Throws `profile_invalid` where two free values are of different types. */
  readonly merge: (left: T, right: T) => T;
}

/** A field that is always a mapping. */
export interface Struct<T> extends Field<T> {
  readonly encode: (value: T) => YamlMap;
}

/** A field of a struct; one that is `kept` is printed even when it is not set. */
export type Member<T> = Field<T> & { readonly kept?: boolean };

export function kept<T>(field: Field<T>): Member<T> {
  return { ...field, kept: true };
}

/** Replaced by every right value but the zero one. */
function scalar<T extends string | number | bigint | boolean>(
  zero: T,
  decode: Field<T>["decode"],
  encode: Field<T>["encode"],
): Field<T> {
  return {
    zero,
    isZero: (value) => value === zero,
    decode,
    encode,
    merge: (left, right) => (right === zero ? left : right),
  };
}

export const text: Field<string> = scalar("", (decoder, node) => decoder.string(node), yaml.string);

/** Always replaced, also true by false. */
export const flag: Field<boolean> = {
  ...scalar(false, (decoder, node) => decoder.bool(node), yaml.bool),
  merge: (_, right) => right,
};

/** A byte. */
export const uint8: Field<number> = scalar(0, (decoder, node) => Number(decoder.uint(node, "uint8", 255n)), yaml.int);

const MAX_INT64 = 2n ** 63n - 1n;
const MAX_UINT64 = 2n ** 64n - 1n;

export const int64: Field<bigint> = scalar(
  0n,
  (decoder, node) => decoder.integer(node, "int64", -MAX_INT64 - 1n, MAX_INT64),
  yaml.int,
);

export const uint: Field<bigint> = scalar(0n, (decoder, node) => decoder.uint(node, "uint", MAX_UINT64), yaml.int);

/** One of `names`, the first of which is the zero value; `type` is what faults call it. */
export function enumeration<T extends string>(type: string, names: readonly T[]): Field<T> {
  return scalar(names[0]!, (decoder, node) => decoder.enumeration(node, type, names), yaml.string);
}

/** Lists are joined, left before right. `type` is that of the items. */
export function list<T>(type: string, item: Field<T>): Field<readonly T[]> {
  return {
    zero: [],
    isZero: (items) => items.length === 0,
    decode: (decoder, node) => decoder.list(node, `[]${type}`).map((one) => item.decode(decoder, one)),
    encode: (items) => yaml.seq(items.map(item.encode)),
    merge: (left, right) => [...left, ...right],
  };
}

/** A list of texts. */
export const texts: Field<readonly string[]> = {
  ...list("string", text),
  decode: (decoder, node) => decoder.strings(node),
};

/** Free values by name, merged name by name. */
export const options: Field<YamlMap> = {
  zero: { $case: "map", entries: [] },
  isZero: ({ entries }) => entries.length === 0,
  decode: (decoder, node) => decoder.options(node),
  encode: (map) => map,
  merge: mergeMaps,
};

/** May be absent, which is not the same as zero and is printed as null where it is kept. */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  return {
    zero: undefined,
    isZero: (value) => value === undefined,
    decode: (decoder, node) => (!node || isNull(node) ? undefined : field.decode(decoder, node)),
    encode: (value) => (value === undefined ? { $case: "null" } : field.encode(value)),
    merge: (left, right) => {
      if (right === undefined) return left;
      return left === undefined ? right : field.merge(left, right);
    },
  };
}

/** Members in the order they are printed, each merged by its own rule; `type` is what faults call it. */
export function struct<T extends object>(type: string, members: { readonly [K in keyof T]: Member<T[K]> }): Struct<T> {
  const names = Object.keys(members) as (keyof T & string)[];
  const build = (member: <K extends keyof T & string>(name: K) => T[K]): T =>
    Object.fromEntries(names.map((name) => [name, member(name)])) as T;
  return {
    zero: build((name) => members[name].zero),
    isZero: (value) => names.every((name) => members[name].isZero(value[name])),
    decode: (decoder, node) => {
      const nodes = decoder.fields(node, type, names);
      return build((name) => members[name].decode(decoder, nodes[name]));
    },
    encode: (value) => {
      const printed = names.filter((name) => members[name].kept === true || !members[name].isZero(value[name]));
      return yaml.map(printed.map((name) => [name, members[name].encode(value[name])]));
    },
    merge: (left, right) => build((name) => members[name].merge(left[name], right[name])),
  };
}
