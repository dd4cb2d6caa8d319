import { backoffMs, describeError, ElstreamError, failpoint, recoveryOf, sleep, Waker, type Checkpoint, type EventBatch, type Logger, type Service, type TableMapping } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import { withRetries } from '../retry';
import type { ApplyBatch, TakenBatch } from './apply-batch';
import { activeLoadRun } from './load-run';
import { readAhead } from './read-ahead';
import { gapAtStart, streamReadiness } from './readiness';
import type { StuckAnswer, StuckTable } from './schema-watch';

/** What stands beside a stream and learns from it. */
export interface StreamCompanions {
  /** A batch was applied that touched a table with copied history. */
  historyTouched(): void;
  /** The log holds a schema that the mapping does not fit. */
  schemaChanged(stuck: StuckTable): Promise<StuckAnswer>;
  /** The log shows other columns than before, or than mapped; nothing is held up by them. */
  columnsNoticed(): void;
}

export interface StreamOptions {
  /** How often the control tables are looked at while nothing else wakes the loop, milliseconds. */
  readonly pollMs: number;
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
  /** Between looks whether the process that reads the stream has let go of it, milliseconds. */
  readonly standbyMs: number;
  /** How a batch is applied; its result says what is acknowledged, what it throws is handled by its class. */
  readonly apply: ApplyBatch;
  /**
   * Begin by clearing the error that halted the stream: where this process is the only one, starting it again is a remedy
   * people try. One of several must not, for the error is another's, and starts happen without a person.
   */
  readonly retryHalted: boolean;
}

const RECORDING = { minMs: 500, maxMs: 5_000, tries: 20 };
/** A batch at which nothing has moved for this long hangs: longer than any statement or lock of ours may take, milliseconds. */
const HUNG_MS = 600_000;
/** After the checkpoint was moved by another process: it is at work, so there is no hurry. */
const AFTER_LOST_MS = 1_000;

/**
 * A reader that finds its log gone beyond the checkpoint it was given decides nothing: another process may have moved
 * checkpoint and slot meanwhile (a zombie's last batch). The loop begins again from the stored checkpoint, and `findGap`
 * declares the gap if there is one.
 */
function saysGap(error: unknown): boolean {
  return error instanceof ElstreamError && (error.code === 'STREAM_LOG_GAP' || error.code === 'STREAM_SLOT_LOST');
}

/** Another process reads. */
function saysBusy(error: unknown): boolean {
  return error instanceof ElstreamError && error.code === 'STREAM_BUSY';
}

/**
 * The stream of one pipeline: waits until it may run, reads from the stored checkpoint, applies batch by batch, strictly
 * in turn. Whatever ends the reading (a pause, a fault, a changed mapping, a lost checkpoint), the loop begins again from
 * the *stored* checkpoint: nothing is carried over in memory.
 */
export class PipelineStream implements Service {
  private readonly stopping = new AbortController();
  private readonly logger: Logger;
  private session: AbortController | null = null;
  private readonly waker = new Waker();
  private ended: Promise<void> | null = null;
  private failures = 0;
  private fresh: boolean;
  private saidWaiting = '';
  private standingBy = false;
  private opened = false;
  /** Set before `run`; without them changed schemas halt the stream. */
  companions: StreamCompanions | null = null;
  /** The mappings the session in hand reads with. */
  private read: ReadonlyMap<string, TableMapping> = new Map();
  /** The checkpoint the session in hand stands at. */
  private at: Checkpoint | null = null;
  /** When the batch in hand last moved; null: none is in hand. */
  private movedAt: number | null = null;

  constructor(
    private readonly deps: ReplicationDeps,
    private readonly pipeline: PipelineHandle,
    private readonly options: StreamOptions,
  ) {
    this.logger = deps.logger.child({ pipeline: pipeline.name });
    this.fresh = options.retryHalted;
  }

  run(): Promise<void> {
    return (this.ended ??= this.loop());
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.session?.abort();
    await this.ended;
  }

  /** Something changed in the control tables: looks now instead of at the next poll. */
  wake(): void {
    this.waker.wake();
  }

  /** Ends the reading in hand; the loop looks at the control tables again. */
  interrupt(): void {
    this.session?.abort();
    this.wake();
  }

  /** True while this process reads the stream; false also while it tries to. */
  get reading(): boolean {
    return this.opened;
  }

  /** True while another process reads the stream. */
  get standby(): boolean {
    return this.standingBy;
  }

  private async loop(): Promise<void> {
    this.deps.observer.streamActive(this.pipeline.name, false);
    while (!this.stopping.signal.aborted) {
      this.alive();
      try {
        await this.once();
      } catch (error) {
        await this.afterError(error);
      }
    }
    this.deps.observer.streamActive(this.pipeline.name, false);
  }

  /** Says that the loop turns, unless the batch in hand hangs. */
  private alive(): void {
    if (this.movedAt === null || this.deps.clock() - this.movedAt <= HUNG_MS) this.deps.observer.alive(`stream:${this.pipeline.name}`);
  }

  private async once(): Promise<void> {
    const { store } = this.deps;
    const { name, warehouse } = this.pipeline;
    if (this.fresh) {
      // A cause that stands will show again at once.
      if (((await store.readPipeline(name))?.streamError ?? null) !== null) await store.setStreamError(name, null);
      this.fresh = false;
    }
    const ready = streamReadiness(await store.readPipeline(name), await warehouse.readCheckpoint(name, 0));
    if (!ready.go) {
      if (ready.because !== this.saidWaiting) this.logger.info({ because: ready.because }, 'stream waits');
      this.saidWaiting = ready.because;
      await this.nap(this.options.pollMs);
      return;
    }
    this.saidWaiting = '';
    this.at = null;
    const gap = await this.findGap(ready.checkpoint);
    if (gap !== null) {
      this.logger.warn({ reason: gap }, 'log gap found: the pipeline will be preloaded again');
      await store.setGap(name, gap);
      return;
    }
    await this.follow(ready.checkpoint);
  }

  private async findGap(checkpoint: Checkpoint): Promise<string | null> {
    const { store } = this.deps;
    const { name, warehouse } = this.pipeline;
    const source = await this.pipeline.source();
    const stream = await this.pipeline.stream();
    const identity = await source.identity();
    const status = await stream.status();
    const recorded = (await store.readPipeline(name))?.identity ?? null;
    const gap = gapAtStart({ recorded, identity, status, checkpoint });
    if (gap === null) return null;
    // A preparation may be at work: it makes capture first and moves the checkpoint then.
    if (await this.preparing()) {
      await this.nap(this.options.pollMs);
      return null;
    }
    const now = await warehouse.readCheckpoint(name, 0);
    return now !== null && now.generation === checkpoint.generation && now.next.equals(checkpoint.next) ? gap : null;
  }

  private async preparing(): Promise<boolean> {
    return (await activeLoadRun(this.deps.store, this.pipeline.name))?.prepared === false;
  }

  private async follow(from: Checkpoint): Promise<void> {
    const { name } = this.pipeline;
    const session = new AbortController();
    this.at = from;
    this.session = session;
    const signal = AbortSignal.any([session.signal, this.stopping.signal]);
    const watch = this.watchPause(session);
    try {
      const stored = await this.pipeline.mappings();
      // Events of a halted table are passed over; its mapping loses that word before the epoch of its next preload is raised.
      const mappings = new Map([...stored].filter(([, mapping]) => mapping.halted === undefined));
      this.read = mappings;
      const stream = await this.pipeline.stream();
      let checkpoint = from;
      const batches = stream.read({ partition: 0, from: from.next, mappings: () => mappings, opened: () => this.reads(from, mappings.size), reshaped: () => this.companions?.columnsNoticed(), signal });
      for await (const batch of readAhead(batches, () => session.abort())) {
        if (signal.aborted) return;
        // Read *after* the batch: a mapping stored before a table's epoch was raised is seen by every batch that holds
        // events of that epoch. Otherwise such events, decoded without their mapping, would be passed over for ever.
        if ((await this.pipeline.mappings()) !== stored) {
          this.logger.info({}, 'tables changed: stream begins again at its checkpoint');
          return;
        }
        const next = await this.apply({ batch, checkpoint, mappings }, signal);
        if (next === null) {
          this.logger.info({}, 'checkpoint was moved by another process or a new preload: stream begins again');
          await this.nap(AFTER_LOST_MS);
          return;
        }
        this.at = checkpoint = next;
        await failpoint('batch:after-commit-before-acknowledge');
        stream.acknowledge(0, checkpoint.next);
        if (touchesCopiedHistory(batch, mappings)) this.companions?.historyTouched();
        this.failures = 0;
        this.alive();
      }
    } finally {
      this.session = null;
      this.opened = false;
      this.deps.observer.streamActive(name, false);
      session.abort();
      await watch;
    }
  }

  private reads(from: Checkpoint, tables: number): void {
    this.opened = true;
    this.standingBy = false;
    this.deps.observer.streamActive(this.pipeline.name, true);
    this.logger.info({ position: from.next.hex, tables }, 'stream reads');
  }

  private async apply(taken: TakenBatch, signal: AbortSignal): Promise<Checkpoint | null> {
    const { deps, pipeline } = this;
    const { events, bytes } = taken.batch;
    const moved = (): void => {
      this.movedAt = deps.clock();
    };
    moved();
    try {
      const apply = (): Promise<Checkpoint | null> => this.options.apply({ deps, pipeline, signal, moved }, taken);
      // One that only moves the checkpoint on an idle source is no step worth telling.
      return events.length === 0 ? await apply() : await deps.tracer.span('apply batch', { pipeline: pipeline.name, events: events.length, bytes }, apply);
    } finally {
      this.movedAt = null;
    }
  }

  /** The control tables are the truth about a pause or a gap; the bus only makes it quicker. */
  private async watchPause(session: AbortController): Promise<void> {
    while (!session.signal.aborted && !this.stopping.signal.aborted) {
      await this.nap(this.options.pollMs, session.signal);
      if (session.signal.aborted) return;
      this.alive();
      try {
        const record = await this.deps.store.readPipeline(this.pipeline.name);
        if (record === null || record.paused || record.gapReason !== null) session.abort();
      } catch (error) {
        this.logger.debug({ error: describeError(error) }, 'control tables cannot be read; the stream finds out by itself');
      }
    }
  }

  private async afterError(error: unknown): Promise<void> {
    // A read broken off by our own abort is no failure.
    if (this.stopping.signal.aborted) return;
    if (saysBusy(error)) return this.standBy();
    this.standingBy = false;
    const recovery = (await this.overtaken(error)) ? 'lost' : recoveryOf(error);
    const message = describeError(error);
    if (recovery === 'stop' && (await this.goesOnWithout(error))) return;
    this.deps.observer.streamFailed(this.pipeline.name, recovery);
    if (recovery === 'retry' || recovery === 'lost' || saysGap(error)) {
      this.failures += 1;
      const { minMs, maxMs } = this.options.backoff;
      // At a gap that turns out to be another process's progress there is nothing to spare by waiting.
      const ms = backoffMs(this.failures, { minMs, maxMs: saysGap(error) ? Math.min(maxMs, this.options.standbyMs) : maxMs });
      this.logger[this.failures < 3 ? 'info' : 'warn']({ error: message, failures: this.failures, ms }, 'stream will try again');
      await sleep(ms, this.stopping.signal);
      return;
    }
    this.logger.error({ error: message }, 'stream stopped: a person must act; resume it, or start a run, when the cause is removed');
    try {
      await withRetries(() => this.deps.store.setStreamError(this.pipeline.name, message), RECORDING, this.stopping.signal);
    } catch (failure) {
      this.logger.error({ error: describeError(failure) }, 'why the stream stopped could not be recorded');
      await sleep(this.options.backoff.maxMs, this.stopping.signal);
    }
  }

  /** A schema that changed is followed, or stops its table alone. True: the stream begins again, with other mappings or later. */
  private async goesOnWithout(error: unknown): Promise<boolean> {
    if (this.companions === null || !(error instanceof ElstreamError) || !['STREAM_SCHEMA_CHANGED', 'STREAM_REREAD'].includes(error.code)) return false;
    const { table } = error.place;
    if (table === undefined) return false;
    try {
      const answer = await this.companions.schemaChanged({ table, used: this.read.get(table) ?? null, reason: error.message, certain: error.code === 'STREAM_SCHEMA_CHANGED' });
      if (answer === 'no') return false;
      this.failures += 1;
      if (answer === 'went-on' && this.failures === 1) return true;
    } catch (failure) {
      this.logger.warn({ table, error: describeError(failure) }, 'the changed schema of the table could not be looked at');
      if (recoveryOf(failure) !== 'retry' && recoveryOf(failure) !== 'lost') return false;
      this.failures += 1;
    }
    // No batch since the last time: what was followed was not enough, or is yet to be.
    await sleep(backoffMs(this.failures, this.options.backoff), this.stopping.signal);
    return true;
  }

  /** Another process reads the stream: this one looks again and again, so that it takes over soon, and says so once. */
  private async standBy(): Promise<void> {
    this.failures = 0;
    if (!this.standingBy) this.logger.info({}, 'another process reads the stream: this one stands by');
    this.standingBy = true;
    await sleep(this.options.standbyMs, this.stopping.signal);
  }

  /**
   * A permanent error of a session whose checkpoint another process has moved on halts nothing: it was met with what is
   * no longer so, as by a process that stood still for a while.
   */
  private async overtaken(error: unknown): Promise<boolean> {
    if (this.at === null || recoveryOf(error) === 'retry' || recoveryOf(error) === 'lost') return false;
    try {
      const now = await this.pipeline.warehouse.readCheckpoint(this.pipeline.name, 0);
      return now === null || now.generation !== this.at.generation || !now.next.equals(this.at.next);
    } catch (failure) {
      this.logger.debug({ error: describeError(failure) }, 'the checkpoint could not be read after an error');
      return false;
    }
  }

  private nap(ms: number, also?: AbortSignal): Promise<void> {
    return this.waker.nap(ms, this.stopping.signal, ...(also === undefined ? [] : [also]));
  }
}

function touchesCopiedHistory(batch: EventBatch, mappings: ReadonlyMap<string, TableMapping>): boolean {
  return batch.events.some((event) => 'table' in event && mappings.get(event.table)?.history?.kind === 'copied');
}
