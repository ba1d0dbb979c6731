/** What clients may do to the server before it ends their connections. Times in milliseconds. */
export interface ClientLimits {
  /** Open connections; one more closes the one that has been idle for longest. */
  readonly connections: number;
  /** Time for a request's head, and for a whole request. */
  readonly headMs: number;
  readonly requestMs: number;
  /** Time in which a client must take some more of its answer. */
  readonly stalledMs: number;
}

export const DEFAULT_CLIENT_LIMITS: ClientLimits = {
  connections: 1024,
  headMs: 20_000,
  requestMs: 60_000,
  stalledMs: 10 * 60_000,
};

/** How often head and request times are looked at; a share of the shorter one. */
export function checkInterval({ headMs }: ClientLimits): number {
  return Math.ceil(headMs / 4);
}
