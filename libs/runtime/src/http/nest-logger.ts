import { type Logger } from '@elstream/core';
import { type LoggerService } from '@nestjs/common';

/** Nest's own messages in our log: its talk at start is for debugging. */
export function nestLogger(logger: Logger): LoggerService {
  const to = (level: 'debug' | 'warn' | 'error') => (message: unknown, ...rest: unknown[]) => {
    const context = rest.at(-1);
    logger[level]({ ...(typeof context === 'string' ? { context } : {}) }, message instanceof Error ? message.message : String(message));
  };
  return { log: to('debug'), debug: to('debug'), verbose: to('debug'), warn: to('warn'), error: to('error'), fatal: to('error') };
}
