import { type LogFields, type Logger } from '@elstream/core';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: LogFields;
  readonly message: string;
}

/** A logger that keeps its lines, those of its children included, with the children's context merged in. */
export interface CapturingLogger extends Logger {
  readonly lines: readonly LogLine[];
  /** Everything logged, as one text: to assert that something (a secret, a row value) is nowhere in it. */
  text(): string;
}

export function capturingLogger(context: LogFields = {}, lines: LogLine[] = []): CapturingLogger {
  const log = (level: LogLine['level']) => (fields: LogFields, message: string) => {
    lines.push({ level, fields: { ...context, ...fields }, message });
  };
  return {
    lines,
    text: () => lines.map((line) => JSON.stringify(line)).join('\n'),
    child: (fields) => capturingLogger({ ...context, ...fields }, lines),
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
  };
}
