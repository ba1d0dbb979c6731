import { SourceError } from "./errors.ts";

/** OCI image spec 1.1, "layer.md", whiteouts. */
const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

interface Place {
  /** Number of the layer, the topmost being 1. */
  readonly layer: number;
  readonly directory: boolean;
}

function split(path: string): { readonly folder: string; readonly name: string } {
  const slash = path.lastIndexOf("/");
  return { folder: path.slice(0, Math.max(slash, 0)), name: path.slice(slash + 1) };
}

/** The folders a path lies in, from the root ("") down. */
function* foldersOf(path: string): Generator<string> {
  if (path === "") return;
  yield "";
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) yield path.slice(0, at);
}

/** What the layers above say about a path. Paths are cleaned ones; "" is the root. */
export class Overlay {
  #layer = 0;
  /** Paths that were decided, and folders that exist because something lies in them. */
  readonly #places = new Map<string, Place>();
  readonly #implied = new Map<string, number>();
  /** Layer that hides a path (with all below it), or only what is below it, from the layers under it. */
  readonly #hidden = new Map<string, number>();
  readonly #opaque = new Map<string, number>();

  /** Begins the next layer down. */
  nextLayer(): void {
    this.#layer++;
  }

  /** Takes note of a whiteout; true when the path was one. It works on lower layers only. */
  whiteout(path: string): boolean {
    const { folder, name } = split(path);
    if (!name.startsWith(WHITEOUT)) return false;
    if (name === OPAQUE) {
      this.#first(this.#opaque, folder);
      return true;
    }
    const hidden = name.slice(WHITEOUT.length);
    if (hidden === "" || hidden === "." || hidden === "..") {
      throw new SourceError("malformed", `layer: "${path}": a whiteout without a name`);
    }
    this.#first(this.#hidden, folder === "" ? hidden : `${folder}/${hidden}`);
    return true;
  }

  /** True when an entry of the current layer is the one that counts; it is then remembered. The root is never one. */
  admits(path: string, directory: boolean): boolean {
    if (path === "") {
      if (directory) return false;
      throw new SourceError("malformed", "layer: the root is not a directory");
    }
    for (const folder of foldersOf(path)) if (this.#hides(folder, path)) return false;
    if (this.#above(this.#hidden, path) || this.#places.has(path)) return false;
    const implied = this.#implied.get(path);
    if (!directory && implied !== undefined) {
      if (implied < this.#layer) return false;
      throw this.#conflict(path);
    }
    this.#places.set(path, { layer: this.#layer, directory });
    for (const folder of foldersOf(path)) this.#first(this.#implied, folder);
    return true;
  }

  #hides(folder: string, path: string): boolean {
    if (this.#above(this.#opaque, folder) || this.#above(this.#hidden, folder)) return true;
    const place = this.#places.get(folder);
    if (!place || place.directory) return false;
    if (place.layer < this.#layer) return true;
    throw this.#conflict(path);
  }

  #above(map: ReadonlyMap<string, number>, path: string): boolean {
    const layer = map.get(path);
    return layer !== undefined && layer < this.#layer;
  }

  #first(map: Map<string, number>, path: string): void {
    if (!map.has(path)) map.set(path, this.#layer);
  }

  #conflict(path: string): SourceError {
    return new SourceError("malformed", `layer: "${path}": one layer has a file and a folder in the same place`);
  }
}
