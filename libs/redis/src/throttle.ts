import { systemClock, type Clock } from '@elstream/core';

/** Says how many times it was asked since it last said yes (this one included), or 0: say nothing now. */
export type Throttle = (key: string) => number;

/** Lets one line per key through in `everyMs`: a server that is away is said once in a while, not once per try. */
export function throttle(everyMs: number, clock: Clock = systemClock): Throttle {
  const last = new Map<string, { at: number; held: number }>();
  return (key) => {
    const now = clock();
    const entry = last.get(key);
    if (entry !== undefined && now - entry.at < everyMs) {
      entry.held += 1;
      return 0;
    }
    last.set(key, { at: now, held: 0 });
    return (entry?.held ?? 0) + 1;
  };
}
