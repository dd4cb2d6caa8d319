import type { Applied, BatchOutcome, PartitionGap } from '@elstream/change-stream';
import { backoffMs, describeError, ElstreamError, failpoint, recoveryOf, ruleHolds, sleep, Waker, type Checkpoint, type EventBatch, type Logger, type Service, type StreamOffset, type TableMapping } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import { Progress } from '../progress';
import { withRetries } from '../retry';
import { stoodStill } from '../tasks/gap-reason';
import { tell } from '../tell';
import type { ApplyBatch, TakenBatch } from './apply-batch';
import { activeLoadRun } from './load-run';
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
/** Between two words while a step is waited for, milliseconds. */
const ALIVE_MS = 5_000;
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
 * The stream of one pipeline: waits until it may run, reads each partition that falls to this process from its stored
 * checkpoint, applies batch by batch, of one partition strictly in turn. Whatever ends the reading (a pause, a fault, a changed mapping, a lost checkpoint), the loop begins again from
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
  /** The checkpoints the session in hand stands at, by partition. */
  private readonly at = new Map<string, Checkpoint>();
  /** The partition whose batch the session in hand failed with. */
  private failed: string | null = null;
  /** Of the batches in hand, by partition. */
  private readonly inHand = new Map<string, Progress>();

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
    if (![...this.inHand.values()].some(({ hangs }) => hangs)) this.deps.observer.alive(`stream:${this.pipeline.name}`);
  }

  /** The loop waits for a step that may take as long as a table is large. */
  private async sayingAlive<T>(step: () => Promise<T>): Promise<T> {
    const progress = new Progress(this.deps.clock);
    const ended = new AbortController();
    const saying = (async () => {
      for (; !ended.signal.aborted && !progress.hangs; await sleep(ALIVE_MS, ended.signal)) this.alive();
    })();
    try {
      return await progress.longStep(step);
    } finally {
      ended.abort();
      await saying;
    }
  }

  private async once(): Promise<void> {
    const { store } = this.deps;
    const { name, warehouse } = this.pipeline;
    if (this.fresh) {
      // A cause that stands will show again at once.
      if (((await store.readPipeline(name))?.streamError ?? null) !== null) await store.setStreamError(name, null);
      this.fresh = false;
    }
    const checkpoints = await warehouse.readCheckpoints(name);
    const ready = streamReadiness(await store.readPipeline(name), checkpoints.length > 0);
    if (!ready.go) {
      if (ready.because !== this.saidWaiting) this.logger.info({ because: ready.because }, 'stream waits');
      this.saidWaiting = ready.because;
      await this.nap(this.options.pollMs);
      return;
    }
    this.saidWaiting = '';
    this.at.clear();
    this.failed = null;
    const gap = await this.findGap(checkpoints);
    if (gap !== null) {
      this.logger.warn({ reason: gap }, 'log gap found: the pipeline will be preloaded again');
      await store.setGap(name, gap);
      return;
    }
    await this.follow();
  }

  private async findGap(checkpoints: readonly Checkpoint[]): Promise<string | null> {
    const { store } = this.deps;
    const { name, warehouse } = this.pipeline;
    const source = await this.pipeline.source();
    const stream = await this.pipeline.stream();
    const identity = await source.identity();
    const status = await stream.status(checkpoints);
    const recorded = (await store.readPipeline(name))?.identity ?? null;
    const gap = gapAtStart({ recorded, identity, status });
    if (gap === null) {
      for (const partition of status.partitionGaps) await this.declareGap(partition);
      return null;
    }
    // A preparation may be at work: it makes capture first and moves the checkpoint then.
    if (await this.preparing()) {
      await this.nap(this.options.pollMs);
      return null;
    }
    return stoodStill(checkpoints, await warehouse.readCheckpoints(name)) ? gap : null;
  }

  private async preparing(): Promise<boolean> {
    return (await activeLoadRun(this.deps.store, this.pipeline.name))?.prepared === false;
  }

  private async follow(): Promise<void> {
    const { name } = this.pipeline;
    const session = new AbortController();
    this.session = session;
    const signal = AbortSignal.any([session.signal, this.stopping.signal]);
    const stored = await this.pipeline.mappings();
    // Events of a halted table are passed over; its mapping loses that word before the epoch of its next preload is raised.
    const mappings = new Map([...stored].filter(([, mapping]) => mapping.halted === undefined));
    const watch = this.watch(session, stored);
    try {
      this.read = mappings;
      const stream = await this.pipeline.stream();
      await stream.consume({
        mappings: () => mappings,
        start: (partition) => this.takeUp(partition),
        applied: (partition) => appliedBy(this.at.get(partition)),
        onBatch: (batch, lost) => this.takeBatch(batch, { stored, mappings, signal: AbortSignal.any([signal, lost]) }),
        onGap: (gap) => this.declareGap(gap),
        opened: () => this.reads(mappings.size),
        reshaped: () => this.companions?.columnsNoticed(),
        signal,
      });
    } finally {
      this.session = null;
      this.opened = false;
      this.deps.observer.streamActive(name, false);
      session.abort();
      await watch;
    }
  }

  /** Null: the partition has no checkpoint, as of a table that is being prepared; a changed mapping begins another session. */
  private async takeUp(partition: string): Promise<StreamOffset | null> {
    const checkpoint = await this.pipeline.warehouse.readCheckpoint(this.pipeline.name, partition);
    if (checkpoint === null) {
      this.at.delete(partition);
      return null;
    }
    this.at.set(partition, checkpoint);
    return checkpoint.next;
  }

  private async takeBatch(batch: EventBatch, { stored, mappings, signal }: Session): Promise<BatchOutcome> {
    const { partition } = batch;
    const checkpoint = this.at.get(partition);
    // Read *after* the batch: a mapping stored before a table's epoch was raised is seen by every batch that holds
    // events of that epoch. Otherwise such events, decoded without their mapping, would be passed over for ever.
    if ((await this.pipeline.mappings()) !== stored) {
      this.logger.info({}, 'tables changed: stream begins again at its checkpoint');
      return 'end';
    }
    if (checkpoint === undefined || signal.aborted) return 'end';
    const missing = missingNumber(batch, checkpoint.counter);
    if (missing !== null) {
      await this.losesNumber(missing, checkpoint);
      return 'end';
    }
    const next = await this.apply({ batch, checkpoint, mappings }, signal);
    if (next === null) {
      this.logger.info({ partition }, 'checkpoint was moved by another process or a new preload: stream begins again');
      await this.nap(AFTER_LOST_MS);
      return 'lost';
    }
    this.at.set(partition, next);
    await failpoint('batch:after-commit-before-acknowledge');
    if (touchesCopiedHistory(batch, mappings)) this.companions?.historyTouched();
    this.failures = 0;
    this.alive();
    return 'applied';
  }

  /** R3 (a): what lies before the number has not all been delivered, whatever table it is of. */
  private async losesNumber({ after, found }: MissingNumber, checkpoint: Checkpoint): Promise<void> {
    const reason = `numbers of the counter at the source are missing: ${String(after)} was followed by ${String(found)}, so capture has left changes out`;
    const now = await this.pipeline.warehouse.readCheckpoint(this.pipeline.name, checkpoint.partition);
    if (now === null || !samePlace(now, checkpoint)) return;
    this.logger.warn({ reason }, 'log gap found: the pipeline will be preloaded again');
    await this.deps.store.setGap(this.pipeline.name, reason);
  }

  /** Answers a gap of one partition (R3): its tables are preloaded again, by a run of their own. Where the checkpoint has moved on there is none. */
  async declareGap(gap: PartitionGap): Promise<void> {
    const { name, warehouse } = this.pipeline;
    const { partition, expected, next, tables, reason } = gap;
    const checkpoint = await warehouse.readCheckpoint(name, partition);
    if (checkpoint === null || !checkpoint.next.equals(expected)) return;
    try {
      await warehouse.declareGap({ pipeline: name, moves: [{ partition, from: checkpoint, next }], tables, marked: true, reason });
    } catch (error) {
      if (!(error instanceof ElstreamError) || error.code !== 'CHECKPOINT_MOVED') throw error;
      this.logger.debug({ partition, error: error.message }, 'a log gap is none any more');
      return;
    }
    this.logger.warn({ partition, reason, tables: tables.join(', ') }, 'log gap: the tables of the partition are preloaded again');
    this.deps.observer.gapDeclared(name);
    tell(this.deps, { type: 'tables-changed', pipeline: name });
  }

  private reads(tables: number): void {
    this.opened = true;
    this.standingBy = false;
    this.deps.observer.streamActive(this.pipeline.name, true);
    this.logger.info({ tables }, 'stream reads');
  }

  private async apply(taken: TakenBatch, signal: AbortSignal): Promise<Checkpoint | null> {
    const { deps, pipeline } = this;
    const { events, bytes, partition } = taken.batch;
    const progress = new Progress(deps.clock);
    const { moved, longStep } = progress;
    this.inHand.set(partition, progress);
    try {
      const apply = (): Promise<Checkpoint | null> => this.options.apply({ deps, pipeline, signal, moved, longStep }, taken);
      // One that only moves the checkpoint on an idle source is no step worth telling.
      return events.length === 0 ? await apply() : await deps.tracer.span('apply batch', { pipeline: pipeline.name, events: events.length, bytes }, apply);
    } catch (error) {
      this.failed ??= partition;
      throw error;
    } finally {
      this.inHand.delete(partition);
    }
  }

  /** The control tables are the truth about a pause or a gap; the bus only makes it quicker. */
  private async watch(session: AbortController, mappings: ReadonlyMap<string, TableMapping>): Promise<void> {
    while (!session.signal.aborted && !this.stopping.signal.aborted) {
      await this.nap(this.options.pollMs, session.signal);
      if (session.signal.aborted) return;
      this.alive();
      try {
        const record = await this.deps.store.readPipeline(this.pipeline.name);
        // Where nothing arrives no batch finds out that the tables have changed.
        if (record === null || record.paused || record.gapReason !== null || (await this.pipeline.mappings()) !== mappings) session.abort();
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
      const { companions } = this;
      // what is followed may be a rewrite of a large table
      const answer = await this.sayingAlive(() => companions.schemaChanged({ table, used: this.read.get(table) ?? null, reason: error.message, certain: error.code === 'STREAM_SCHEMA_CHANGED' }));
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
    if (recoveryOf(error) === 'retry' || recoveryOf(error) === 'lost') return false;
    const met = this.failed === null ? [...this.at.values()] : [...this.at.values()].filter(({ partition }) => partition === this.failed);
    try {
      const now = await this.pipeline.warehouse.readCheckpoints(this.pipeline.name);
      return met.some((at) => !now.some((other) => samePlace(at, other)));
    } catch (failure) {
      this.logger.debug({ error: describeError(failure) }, 'the checkpoint could not be read after an error');
      return false;
    }
  }

  private nap(ms: number, also?: AbortSignal): Promise<void> {
    return this.waker.nap(ms, this.stopping.signal, ...(also === undefined ? [] : [also]));
  }
}

/** What one reading of the stream goes by. */
interface Session {
  /** The mappings as stored: another object once they have changed. */
  readonly stored: ReadonlyMap<string, TableMapping>;
  readonly mappings: ReadonlyMap<string, TableMapping>;
  readonly signal: AbortSignal;
}

interface MissingNumber {
  readonly after: bigint;
  readonly found: bigint;
}

/** R3 (a). Numbers at or below the last one came again. */
function missingNumber({ events }: EventBatch, last: bigint | null): MissingNumber | null {
  if (!ruleHolds('R3-counter')) return null;
  let after = last;
  for (const event of events) {
    if (event.op !== 'counter' || !event.gapless) continue;
    if (after !== null && event.value > after + 1n) return { after, found: event.value };
    if (after === null || event.value > after) after = event.value;
  }
  return null;
}

function appliedBy(checkpoint: Checkpoint | undefined): Applied | null {
  const { highest = null, committedAtUs = null } = checkpoint ?? {};
  return highest === null || committedAtUs === null ? null : { highest, committedAtUs };
}

function samePlace(a: Checkpoint, b: Checkpoint): boolean {
  return a.partition === b.partition && a.generation === b.generation && a.next.equals(b.next);
}

function touchesCopiedHistory(batch: EventBatch, mappings: ReadonlyMap<string, TableMapping>): boolean {
  return batch.events.some((event) => 'table' in event && mappings.get(event.table)?.history?.kind === 'copied');
}
