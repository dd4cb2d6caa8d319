import { type LogFields, type Logger } from '@elstream/core';
import pino from 'pino';
import { isSecretName, redactText } from './redact';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** Lines below it are dropped; default `info`. */
  readonly level?: LogLevel;
  /** Where the JSON lines go; default standard error, so that a program's own output stays clean. */
  readonly stream?: NodeJS.WritableStream;
  /** Context of every line, e.g. `{ service: 'preloader' }`. */
  readonly fields?: LogFields;
}

/**
 * A logger over pino: one JSON object per line, `level` in words, `time` in ISO 8601. Fields named like a secret are
 * hidden, credentials inside any text are cut out. Row values are the caller's not to pass (R10).
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const root = pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.stream ?? process.stderr,
  );
  return wrap(root.child(redactFields(options.fields ?? {})));
}

function wrap(line: pino.Logger): Logger {
  return {
    child: (fields) => wrap(line.child(redactFields(fields))),
    debug: (fields, message) => {
      if (line.isLevelEnabled('debug')) line.debug(redactFields(fields), redactText(message));
    },
    info: (fields, message) => line.info(redactFields(fields), redactText(message)),
    warn: (fields, message) => line.warn(redactFields(fields), redactText(message)),
    error: (fields, message) => line.error(redactFields(fields), redactText(message)),
  };
}

function redactFields(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, redactValue(name, value)]));
}

function redactValue(name: string, value: LogFields[string]): LogFields[string] {
  if (typeof value !== 'string') return value;
  return isSecretName(name) ? '[redacted]' : redactText(value);
}
