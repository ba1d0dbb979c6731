/** Merging values of free shape, as the reference does it by the types its YAML library gives them (imager.md 1.9). */
import { TalosError } from "./errors.ts";
import { sortedMap, type YamlMap, type YamlValue } from "./yaml-value.ts";

/**
 * `right` over `left`, key by key: what only one side has is taken, lists are joined, maps merged, scalars replaced unless the
 * right one is zero or empty (false is neither). Throws `profile_invalid` for values of different types and for two timestamps.
 */
export function mergeMaps(left: YamlMap, right: YamlMap): YamlMap {
  const merged = new Map(left.entries.map((entry) => [identity(entry[0]), entry]));
  for (const [key, value] of right.entries) {
    const name = identity(key);
    const own = merged.get(name)?.[1];
    merged.set(name, [key, own === undefined || own.$case === "null" ? value : mergeValues(key, own, value)]);
  }
  return sortedMap([...merged.values()]);
}

/** Keys of different types are different, as `1` and `"1"`. */
function identity(key: YamlValue): string {
  return `${key.$case} ${"value" in key ? key.value : key.$case === "binary" ? key.base64 : ""}`;
}

function mergeValues(key: YamlValue, left: YamlValue, right: YamlValue): YamlValue {
  const [own, other] = [typeOf(left), typeOf(right)];
  if (own !== other) throw mergeError(key, `merge type mismatch left ${own} right ${other}`);
  if (left.$case === "map" && right.$case === "map") return mergeMaps(left, right);
  if (left.$case === "seq" && right.$case === "seq") return { $case: "seq", items: [...left.items, ...right.items] };
  if (left.$case === "timestamp") throw mergeError(key, "timestamps cannot be merged");
  return isZero(right) ? left : right;
}

function mergeError(key: YamlValue, reason: string): TalosError {
  const shown = "value" in key ? String(key.value).slice(0, 60) : key.$case;
  return new TalosError("profile_invalid", `overlay.options: merge map key ${JSON.stringify(shown)}: ${reason}`);
}

function isZero(value: YamlValue): boolean {
  switch (value.$case) {
    case "string":
      return value.value === "";
    case "int":
      return value.value === 0n;
    case "float":
      return Object.is(value.value, 0);
    default:
      return false;
  }
}

const MAX_INT64 = 2n ** 63n - 1n;

/** Two values merge when this is the same for both: integers beyond 63 bits and maps with other keys than strings differ. */
function typeOf(value: YamlValue): string {
  switch (value.$case) {
    case "int":
      return value.value > MAX_INT64 ? "uint64" : "int";
    case "map":
      return value.entries.every(([key]) => key.$case === "string") ? "map[string]" : "map[any]";
    case "binary":
      return "string";
    default:
      return value.$case;
  }
}
