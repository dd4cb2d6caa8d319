/** Structured fields of a log line: names, counts, positions, milliseconds. Never a row value (R10). */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/**
 * What library code logs through; `@elstream/observability` makes one over pino. Context is narrowed with `child`
 * (pipeline → table → partition → position). Long steps carry `ms`. No line per row.
 */
export interface Logger {
  child(fields: LogFields): Logger;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** A logger that drops everything: for callers that have none. */
export const silentLogger: Logger = {
  child: () => silentLogger,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
