import { describeError, sleep, type Clock, type Logger } from '@elstream/core';
import type { JobWorker } from '@elstream/jobs';

interface Repeat {
  readonly name: string;
  readonly everyMs: number;
  readonly tick: (signal: AbortSignal) => Promise<void>;
  readonly stop: AbortController;
}

/**
 * Ticks that repeat by name. Of several registered under one name only the eldest ticks; the next takes its place when
 * it is closed and its last tick has ended: so ticks of one name never overlap.
 */
export class Repeats {
  private readonly byName = new Map<string, Repeat[]>();
  private readonly loops = new Map<Repeat, Promise<void>>();

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  start(name: string, everyMs: number, tick: Repeat['tick']): JobWorker {
    const repeat: Repeat = { name, everyMs, tick, stop: new AbortController() };
    const sameName = this.byName.get(name) ?? [];
    this.byName.set(name, [...sameName, repeat]);
    this.loops.set(repeat, this.loop(repeat));
    return { healthy: () => this.loops.has(repeat), close: () => this.closeOne(repeat) };
  }

  async close(): Promise<void> {
    await Promise.all([...this.loops.keys()].map((r) => this.closeOne(r)));
  }

  private async closeOne(repeat: Repeat): Promise<void> {
    repeat.stop.abort();
    await this.loops.get(repeat);
  }

  /** Never rejects. A tick longer than `everyMs` is followed by the next at once. */
  private async loop(repeat: Repeat): Promise<void> {
    const { signal } = repeat.stop;
    while (!signal.aborted) {
      const started = this.clock();
      if (this.byName.get(repeat.name)?.[0] === repeat) await this.tickOnce(repeat);
      await sleep(Math.max(0, repeat.everyMs - (this.clock() - started)), signal);
    }
    this.byName.set(repeat.name, (this.byName.get(repeat.name) ?? []).filter((r) => r !== repeat));
    this.loops.delete(repeat);
  }

  private async tickOnce(repeat: Repeat): Promise<void> {
    try {
      await repeat.tick(repeat.stop.signal);
    } catch (error) {
      this.logger.error({ repeat: repeat.name, everyMs: repeat.everyMs, error: describeError(error) }, 'a repeated step failed; it goes on with the next');
    }
  }
}
