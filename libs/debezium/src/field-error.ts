/** Bytes that are no JSON, or no envelope: nothing after this place can be trusted. Offset in bytes from the start of the value. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';

  constructor(
    readonly what: string,
    readonly offset: number,
  ) {
    super(`${what} at byte ${String(offset)}`);
  }
}

/** One field that cannot become a cell. The message never holds a value: it ends up in dead letters and logs (R10). */
export class FieldError extends Error {
  override readonly name = 'FieldError';

  constructor(
    readonly code: 'DEBEZIUM_VALUE' | 'DEBEZIUM_TYPE',
    message: string,
  ) {
    super(message);
  }
}
