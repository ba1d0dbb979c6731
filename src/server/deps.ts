import type { FastifyBaseLogger } from "fastify";
import type { Factory } from "../imager/factory.ts";
import type { LeasedBlobs } from "../store/ports.ts";
import type { ClientLimits } from "./limits.ts";

/** What the application is made of; routes take their part of it. */
export interface AppDeps {
  readonly factory: Factory;
  readonly blobs: LeasedBlobs;
  /** Where clients reach this server, without a slash at the end. */
  readonly externalUrl: string;
  readonly version: string;
  readonly logger: FastifyBaseLogger | false;
  /** Default `DEFAULT_CLIENT_LIMITS`. */
  readonly limits?: ClientLimits | undefined;
}
