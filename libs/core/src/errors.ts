/**
 * What the loop that catches an error does next:
 * - `retry`: a passing fault (connection, deadlock, timeout); again after a back-off, without limit (R7)
 * - `park`: permanent, and caused by a value the other side cannot hold: the row or event goes to dead letters (R7)
 * - `stop`: permanent; the work stops and says why, a person must act
 * - `refuse`: the request, setting or table is not acceptable; nothing was changed
 * - `lost`: another process owns the work now; give it up silently, it is in good hands (R2, R4)
 */
export type Recovery = 'retry' | 'park' | 'stop' | 'refuse' | 'lost';

/** Where an error happened, as far as known. Names and positions only, never row values other than the key. */
export interface ErrorPlace {
  readonly pipeline?: string;
  readonly table?: string;
  readonly key?: string;
  readonly position?: string;
  readonly setting?: string;
}

/** Every error elstream raises on purpose: a stable `code` for people, a `recovery` for loops, a message that says what to do. */
export class ElstreamError extends Error {
  override readonly name = 'ElstreamError';

  constructor(
    readonly code: string,
    readonly recovery: Recovery,
    message: string,
    readonly options: { readonly cause?: unknown; readonly place?: ErrorPlace } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
  }

  get place(): ErrorPlace {
    return this.options.place ?? {};
  }
}

/** The `recovery` of any thrown thing; what we did not classify is permanent, so that it is seen. */
export function recoveryOf(error: unknown): Recovery {
  return error instanceof ElstreamError ? error.recovery : 'stop';
}

/** One line for people: message and place; the cause's message where it adds something. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = error instanceof ElstreamError ? Object.entries(error.place).map(([k, v]) => `${k} ${v}`).join(', ') : '';
  const cause = error.cause instanceof Error && !error.message.includes(error.cause.message) ? `: ${error.cause.message}` : '';
  return `${error.message}${cause}${place === '' ? '' : ` (${place})`}`;
}
