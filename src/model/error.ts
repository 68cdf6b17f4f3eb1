// SPDX-License-Identifier: Apache-2.0
// The one error type that users see: a code for scripts, what it is about, why, and the evidence.

export interface TnaErrorDetails {
  /** The thing that the error is about: an interface, a file position, a pin. */
  readonly object?: string;
  /** What to do about it. */
  readonly hint?: string;
  /** Kernel text: extended ACK, verifier log. The first line is shown always, the rest under --verbose. */
  readonly evidence?: string;
  readonly cause?: unknown;
}

/** Of what cannot be done any more because its device went between looking and acting: nothing is wrong, and the next pass knows. */
export const deviceGoneCode = 'device-gone';

/** Of a driver that has XDP and will not have it as its device is set up: it is noted, and the next pass knows. */
export const xdpRefusedCode = 'xdp-refused';

/** Codes are stable and lower-case with dashes; scripts may match them. */
export class TnaError extends Error {
  override readonly name = 'TnaError';
  readonly object: string | undefined;
  readonly hint: string | undefined;
  readonly evidence: string | undefined;

  constructor(
    readonly code: string,
    message: string,
    details: TnaErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.object = details.object;
    this.hint = details.hint;
    this.evidence = details.evidence;
  }
}

/** The error, said to be about `object` unless it says already what it is about. */
export function about(object: string, error: Error): Error {
  if (!(error instanceof TnaError) || error.object !== undefined) return error;
  const { code, message, hint, evidence, cause } = error;
  return new TnaError(code, message, {
    object,
    ...(hint === undefined ? {} : { hint }),
    ...(evidence === undefined ? {} : { evidence }),
    ...(cause === undefined ? {} : { cause }),
  });
}
