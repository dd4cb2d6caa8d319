import { systemClock, type Clock, type LogFields, type Logger } from '@elstream/core';

/** Distinct messages remembered; the oldest is forgotten beyond it, so memory stays bounded. */
const REMEMBERED = 256;

type Level = 'debug' | 'info' | 'warn' | 'error';

interface Seen {
  readonly atMs: number;
  repeats: number;
}

/**
 * The same logger, saying the same thing (level, message, context) at most once per `everyMs`. What was held back is
 * counted in `repeats` of the next line that gets through. Children share the memory.
 */
export function throttled(logger: Logger, everyMs: number, clock: Clock = systemClock): Logger {
  return throttle(logger, '', { everyMs, clock, seen: new Map() });
}

function throttle(logger: Logger, context: string, state: { readonly everyMs: number; readonly clock: Clock; readonly seen: Map<string, Seen> }): Logger {
  const say = (level: Level) => (fields: LogFields, message: string) => {
    const id = `${level} ${context} ${message}`;
    const now = state.clock();
    const last = state.seen.get(id);
    if (last !== undefined && now - last.atMs < state.everyMs) {
      last.repeats += 1;
      return;
    }
    state.seen.delete(id);
    state.seen.set(id, { atMs: now, repeats: 0 });
    const oldest = state.seen.size > REMEMBERED ? state.seen.keys().next() : null;
    if (oldest?.done === false) state.seen.delete(oldest.value);
    logger[level](last === undefined || last.repeats === 0 ? fields : { ...fields, repeats: last.repeats }, message);
  };
  return {
    child: (fields) => throttle(logger.child(fields), `${context}${JSON.stringify(fields)}`, state),
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
  };
}
