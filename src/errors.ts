/**
 * The one error shape of the project: a closed code, a lower-case message that names the field or
 * path, and the cause. Each room narrows `Code` to its own union; HTTP statuses live in `server`.
 */
export class FactoryError<Code extends string = string> extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "FactoryError";
    this.code = code;
  }
}

/** The text of anything thrown, for log lines and wrapping messages. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
