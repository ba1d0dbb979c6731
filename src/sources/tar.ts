import { pipeline, Readable } from "node:stream";
import { extract, type Header } from "tar-stream";
import { messageOf } from "../errors.ts";
import { SourceError } from "./errors.ts";

/** One archive member as it stands in the archive, before any rule about names. */
export interface TarMember {
  readonly header: Header;
  /** Exactly `header.size` bytes; read it or leave it, the next member comes either way. */
  readonly body: AsyncIterable<Uint8Array>;
}

type Body = AsyncIterator<Uint8Array>;

/** Passes a body on without closing it early: closing would end the whole archive. `explain` gives errors their code. */
async function* open(body: Body, explain: (cause: unknown) => unknown): AsyncGenerator<Uint8Array> {
  const next = (): ReturnType<Body["next"]> =>
    body.next().catch((cause: unknown) => {
      throw explain(cause);
    });
  for (let step = await next(); !step.done; step = await next()) yield step.value;
}

async function skip(body: Body): Promise<void> {
  while (!(await body.next()).done);
}

/**
 * The members of a tar archive in order (POSIX ustar, PAX, GNU long names). Errors of `source` pass through, a
 * damaged or truncated archive is `malformed`.
 */
export async function* tarMembers(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember> {
  const failure: { cause?: unknown } = {};
  const archive = extract();
  const explain = (cause: unknown): unknown => {
    if ("cause" in failure) return failure.cause;
    return cause instanceof SourceError
      ? cause
      : new SourceError("malformed", `layer: damaged archive: ${messageOf(cause)}`, { cause });
  };
  pipeline(Readable.from(remember(source, failure), { highWaterMark: 1 }), archive, () => undefined);
  try {
    for await (const entry of archive) {
      const body = (entry as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
      yield { header: entry.header, body: { [Symbol.asyncIterator]: () => open(body, explain) } };
      await skip(body);
    }
  } catch (cause) {
    throw explain(cause);
  } finally {
    archive.destroy();
  }
}

async function* remember(source: AsyncIterable<Uint8Array>, failure: { cause?: unknown }): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (cause) {
    failure.cause = cause;
    throw cause;
  }
}
