import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BlobReader, CHUNK_BYTES, extentLength, type Recipe, read } from "../../src/extents/index.ts";

/** For recipes without blob extents. */
export const NO_BLOBS: BlobReader = {
  read: () => Promise.reject(new Error("this recipe was expected to hold no blobs")),
};

/** Writes a recipe to `path`; zeros become holes, so an image of terabytes costs what its content costs. */
export async function writeImage(path: string, image: Recipe, blobs: BlobReader = NO_BLOBS): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.truncate(image.size);
    for (const [i, extent] of image.extents.entries()) {
      if (extent.$case === "zeros") continue;
      const length = extentLength(extent);
      for (let at = 0; at < length; at += CHUNK_BYTES) {
        const offset = image.starts[i]! + at;
        const bytes = await read(image, blobs, offset, Math.min(CHUNK_BYTES, length - at));
        await file.write(bytes, 0, bytes.length, offset);
      }
    }
  } finally {
    await file.close();
  }
}

/** Runs `body` with a fresh folder that is removed afterwards. */
export async function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "image-test-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
