/** Content types by the extension of the asset path (factory.md 1.7). */
const CONTENT_TYPES = new Map([
  ["efi", "application/efi"],
  ["iso", "application/x-iso9660-image"],
  ["xz", "application/x-xz"],
  ["gz", "application/gzip"],
  ["qcow2", "application/x-qemu-disk"],
]);

export function assetContentType(path: string): string {
  return CONTENT_TYPES.get(path.slice(path.lastIndexOf(".") + 1)) ?? "application/octet-stream";
}

/** Content-Disposition with a file name: quotes, backslashes and everything that is no printable ASCII become `_`. */
export function attachment(filename: string): string {
  return `attachment; filename="${filename.replace(/[^\x20-\x7e]|["\\]/g, "_").slice(0, 255)}"`;
}

/** A request id as sent by the client when it is printable and short, else undefined. */
export function cleanRequestId(sent: string | string[] | undefined): string | undefined {
  return typeof sent === "string" && /^[\x21-\x7e]{1,128}$/.test(sent) ? sent : undefined;
}
