import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Requests with these methods have no body to wait for: from their head on only the server can keep them waiting. */
const WITHOUT_BODY: readonly (string | undefined)[] = ["GET", "HEAD"];

/**
 * Keeps the number of open connections to `max`. One more makes the connection give way that has waited longest without
 * a request in work: opened and silent, sending slowly, or kept alive. When all are being answered, the new one goes.
 * `onDropped` is told of every connection that was closed for this.
 */
export function boundConnections(server: Server, max: number, onDropped: () => void): void {
  const waiting = new Set<Socket>();
  let open = 0;
  server.on("connection", (socket: Socket) => {
    open++;
    waiting.add(socket);
    socket.once("close", () => {
      open--;
      waiting.delete(socket);
    });
    if (open <= max) return;
    const longest = waiting.values().next().value ?? socket;
    // It counts until its `close`, which comes later: the next new connection must not find it again.
    waiting.delete(longest);
    longest.destroy();
    onDropped();
  });
  server.on("request", ({ method, socket }: IncomingMessage, response: ServerResponse) => {
    if (!WITHOUT_BODY.includes(method)) return;
    waiting.delete(socket);
    response.once("close", () => {
      if (!socket.destroyed) waiting.add(socket);
    });
  });
}
