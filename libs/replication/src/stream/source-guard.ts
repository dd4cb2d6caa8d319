import { describeError, sleep, type Logger, type Service } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import { stoodStill } from '../tasks/gap-reason';
import { tell } from '../tell';
import { raiseCounter } from './passes';
import type { PipelineStream } from './pipeline-stream';
import { guardWal } from './wal-guard';

/** A look is acted upon within this long, milliseconds. */
const STALE_MS = 5_000;
/** Looks that fail for this long are trouble, milliseconds: a stream over Kafka reads on, undisturbed and empty, while Connect hangs. */
const UNSEEN_MS = 60_000;

export interface GuardOptions {
  /** Between looks at the retained log, milliseconds. */
  readonly guardMs: number;
  /** How long a stream may take to come below the limit (policy `resume`), milliseconds. */
  readonly graceMs: number;
}

/**
 * Three small duties towards the source, paused or not: its retained log stays below the limit (R14), capture that vanished
 * is noticed (R3 b), and while the stream runs a counter moves an idle log on (R4), so that the slot's position advances.
 */
export class SourceGuard implements Service {
  private readonly stopping = new AbortController();
  private readonly logger: Logger;
  private ended: Promise<unknown> | null = null;
  private exceededSince: number | null = null;
  private warnedAt = 0;
  private troubled: string | null = null;
  private unseenSince: number | null = null;

  constructor(
    private readonly deps: ReplicationDeps,
    private readonly pipeline: PipelineHandle,
    private readonly stream: PipelineStream,
    private readonly options: GuardOptions,
  ) {
    this.logger = deps.logger.child({ pipeline: pipeline.name });
  }

  async run(): Promise<void> {
    const { guardMs } = this.options;
    // Apart from the look at capture, which may wait for Connect and brokers for minutes.
    this.ended ??= Promise.all([this.every(guardMs, () => this.guardLog()), this.every(guardMs, () => this.look()), this.every(this.pipeline.settings.counterIntervalMs, () => this.count())]);
    await this.ended;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
  }

  private async every(ms: number, step: () => Promise<void>): Promise<void> {
    for (;;) {
      await sleep(ms, this.stopping.signal);
      if (this.stopping.signal.aborted) return;
      try {
        await step();
      } catch (error) {
        // The stream itself meets the same fault and reports it, or a look does that has failed for long; here only the next one matters.
        this.logger.debug({ error: describeError(error) }, 'source could not be looked after just now');
      }
    }
  }

  private async count(): Promise<void> {
    // A gapless one is the planner's to raise, whether or not anybody reads.
    if (!this.stream.reading || (await this.pipeline.stream()).gapless === true) return;
    await raiseCounter(this.deps, this.pipeline);
  }

  private async look(): Promise<void> {
    const { clock, observer } = this.deps;
    const began = clock();
    try {
      await this.guard();
      this.unseenSince = null;
    } catch (error) {
      this.unseenSince ??= began;
      const ms = clock() - this.unseenSince;
      if (ms >= UNSEEN_MS) {
        // Without its length, which grows: it is said once.
        const trouble = `capture could not be looked after for a minute or more: ${describeError(error)}`;
        observer.captureTrouble(this.pipeline.name, trouble);
        this.say(trouble);
      }
      throw error;
    }
  }

  private async guard(): Promise<void> {
    const { name } = this.pipeline;
    if ((await this.deps.store.readPipeline(name)) === null) return;
    const checkpoints = await this.pipeline.warehouse.readCheckpoints(name);
    if (checkpoints.length === 0) return;
    const stream = await this.pipeline.stream();
    const status = await stream.status(checkpoints);
    this.deps.observer.captureTrouble(name, status.trouble);
    this.say(status.trouble);
    // Not what a batch acknowledged since the look at the checkpoints makes of it: to read anew would hold a loaded stream up.
    if (status.gap !== null && stoodStill(checkpoints, await this.pipeline.warehouse.readCheckpoints(name))) {
      // R3 (b): capture that vanished under a running stream need not break its connection; a new start finds the gap.
      if (this.stream.reading) this.stream.interrupt();
      return;
    }
    // Noted also while paused: the sooner it is known the less has to be waited for.
    for (const gap of status.partitionGaps) await this.stream.declareGap(gap);
    await stream.revive();
  }

  /** R14, of the source alone: whoever else is away, its disk is not filled. Also before there is a checkpoint: the slot is made first. */
  private async guardLog(): Promise<void> {
    const { store, clock, observer } = this.deps;
    const { name, settings } = this.pipeline;
    const stream = await this.pipeline.stream();
    const looked = clock();
    const retainedBytes = await stream.retainedBytes();
    if (retainedBytes === null) return;
    observer.retainedLog(name, retainedBytes);
    let record;
    try {
      record = await store.readPipeline(name);
    } catch (error) {
      if (this.exceededForMs(retainedBytes) >= this.options.graceMs && clock() - looked <= STALE_MS) await this.dropUnnoted(retainedBytes);
      throw error;
    }
    if (record === null) return;
    const exceededForMs = this.exceededForMs(record.paused ? 0 : retainedBytes);
    const decision = guardWal({ retainedBytes, limitBytes: settings.walLimitBytes, policy: settings.walPolicy, paused: record.paused, exceededForMs, graceMs: this.options.graceMs });
    // A process that stood still after it had looked: what it saw may be long gone, the slot another.
    if (clock() - looked > STALE_MS) return;
    switch (decision) {
      case 'ok':
        return;
      case 'warn':
        this.warn(retainedBytes);
        return;
      case 'resume':
        this.logger.warn({ retainedBytes, limitBytes: settings.walLimitBytes }, 'log retained at the source is at its limit: the pause is lifted');
        await store.setPaused(name, false);
        tell(this.deps, { type: 'pipeline-changed', pipeline: name });
        return;
      case 'drop':
        await this.drop(retainedBytes);
        return;
      default:
        decision satisfies never;
    }
  }

  /** For how long the limit was exceeded at each look; 0 where it is not. */
  private exceededForMs(retainedBytes: number): number {
    const { walLimitBytes } = this.pipeline.settings;
    const now = this.deps.clock();
    this.exceededSince = walLimitBytes > 0 && retainedBytes >= walLimitBytes ? (this.exceededSince ?? now) : null;
    return this.exceededSince === null ? 0 : now - this.exceededSince;
  }

  private say(trouble: string | null): void {
    if (trouble === this.troubled) return;
    this.troubled = trouble;
    if (trouble === null) this.logger.info({}, 'capture at the source runs again');
    else this.logger.warn({ trouble }, 'capture at the source does not run');
  }

  private warn(retainedBytes: number): void {
    if (this.deps.clock() - this.warnedAt < 60_000) return;
    this.warnedAt = this.deps.clock();
    const { walLimitBytes, walPolicy } = this.pipeline.settings;
    this.logger.warn({ retainedBytes, limitBytes: walLimitBytes, policy: walPolicy }, 'log retained at the source is above half of its limit');
  }

  /**
   * The warehouse is away, so nothing can be applied, whatever the policy, nor the gap be noted. That the slot is gone tells of
   * it once the warehouse is back (R3 b).
   */
  private async dropUnnoted(retainedBytes: number): Promise<void> {
    this.logger.error({ retainedBytes, limitBytes: this.pipeline.settings.walLimitBytes }, 'log retained at the source is at its limit while the warehouse cannot be reached: the slot is dropped; the log gap is declared when the warehouse is back');
    this.stream.interrupt();
    await (await this.pipeline.stream()).release();
  }

  /** The gap is written first: from then on no reader holds the slot, and a crash before the drop is made good at the next look. */
  private async drop(retainedBytes: number): Promise<void> {
    const { name, settings } = this.pipeline;
    const reason = `the log retained at the source (${String(retainedBytes)} bytes) reached the limit of ${String(settings.walLimitBytes)} bytes, so the replication slot was dropped`;
    this.logger.error({ retainedBytes, limitBytes: settings.walLimitBytes }, 'log retained at the source is at its limit: the slot is dropped, a log gap declared');
    await this.deps.store.setGap(name, reason);
    this.stream.interrupt();
    const stream = await this.pipeline.stream();
    try {
      await stream.release();
    } catch (error) {
      this.logger.error({ error: describeError(error) }, 'the slot could not be dropped: the source goes on keeping its log, and it is tried again');
      throw error;
    }
    tell(this.deps, { type: 'pipeline-changed', pipeline: name });
  }
}
