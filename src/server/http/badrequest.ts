import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyBaseLogger } from "fastify";

/** What the HTTP parser refuses, by its error code; everything else is no HTTP and 400. */
const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Answers what does not come to be a request, closes its connection and logs it with one line. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket, log: FastifyBaseLogger): void {
  // A reset: nobody is there to be answered, and a running request logs that its client left.
  if (error.code === "ECONNRESET" || socket.destroyed) {
    socket.destroy();
    return;
  }
  const status = STATUS[error.code ?? ""] ?? 400;
  log.warn({ status, error: error.code }, "bad request");
  const reason = STATUS_CODES[status] ?? "";
  // An answer that has begun cannot be followed by another.
  if (socket.writable && socket.bytesWritten === 0) {
    socket.write(
      `HTTP/1.1 ${status} ${reason}\r\ncontent-type: text/plain; charset=utf-8\r\n` +
        `content-length: ${reason.length + 1}\r\nconnection: close\r\n\r\n${reason}\n`,
    );
  }
  socket.destroySoon();
}
