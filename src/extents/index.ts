export { type BlobRef, type Extent, ExtentError, type ExtentErrorCode, extentLength } from "./extent.ts";
export { type BlobFiller, type BlobReader, CHUNK_BYTES, fill, read, stream } from "./read.ts";
export {
  blob,
  concat,
  extentsIn,
  inline,
  type Placement,
  padTo,
  place,
  Recipe,
  recipe,
  slice,
  zeros,
} from "./recipe.ts";
export { dataRuns, type UnitRun } from "./runs.ts";
