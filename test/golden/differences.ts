/**
 * Recorded expectations the project deliberately does not share, each with its reason. Never on this list: ids, command
 * lines, layouts and encodings.
 */
export interface Difference {
  readonly family: string;
  /** Matches the label of the cases it is about. */
  readonly label: RegExp;
  readonly reason: string;
}

export const DIFFERENCES: readonly Difference[] = [];
