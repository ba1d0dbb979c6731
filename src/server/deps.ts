import type { FastifyBaseLogger } from "fastify";
import type { BlobReader } from "../extents/index.ts";
import type { Factory } from "../imager/factory.ts";

/** What the application is made of; routes take their part of it. */
export interface AppDeps {
  readonly factory: Factory;
  readonly blobs: BlobReader;
  /** Where clients reach this server, without a slash at the end. */
  readonly externalUrl: string;
  readonly version: string;
  readonly logger: FastifyBaseLogger | false;
}
