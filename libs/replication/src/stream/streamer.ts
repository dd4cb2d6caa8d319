import { describeError, type Service } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import type { HeldPipeline } from '../pipeline';
import { applyBatch } from './apply-batch';
import { HistoryCopier, type HistoryOptions } from './history-copier';
import { PipelineStream, type StreamOptions } from './pipeline-stream';
import { SchemaWatch } from './schema-watch';
import { SourceGuard, type GuardOptions } from './source-guard';

type AllOptions = StreamOptions & GuardOptions & HistoryOptions;

export type StreamerOptions = Partial<AllOptions>;

const DEFAULTS: AllOptions = {
  pollMs: 1_000,
  backoff: { minMs: 500, maxMs: 30_000 },
  standbyMs: 1_000,
  apply: applyBatch,
  retryHalted: false,
  guardMs: 5_000,
  graceMs: 60_000,
  historyMs: 250,
  historyIdleMs: 1_000,
};

/**
 * The streams of all pipelines of this process, each with its guard, its copier of history and its watch over the source's
 * schema; they follow the pipelines as they are added,
 * configured anew and taken away. Guards work in every process, also where another reads the stream or none can: R14
 * needs one at least, and what they do may be done twice. `stop` resolves when every batch in hand is settled.
 */
export function createStreamer(deps: ReplicationDeps, options: StreamerOptions = {}): Service {
  return new Streamer(deps, { ...DEFAULTS, ...options });
}

/** A pipeline at work here. */
interface Entry {
  readonly held: HeldPipeline;
  readonly stream: PipelineStream;
  readonly guard: SourceGuard;
  /** What works only for a pipeline that is configured, beside its stream. */
  readonly beside: readonly Service[];
  /** Its file is gone: only the guard goes on. */
  orphaned: boolean;
}

class Streamer implements Service {
  private readonly stopping = new AbortController();
  private readonly entries = new Map<string, Entry>();
  /** Changes are followed one after the other. */
  private following: Promise<void> = Promise.resolve();
  private ended: Promise<void> | null = null;
  private started = false;

  constructor(
    private readonly deps: ReplicationDeps,
    private readonly options: AllOptions,
  ) {}

  run(): Promise<void> {
    return (this.ended ??= this.work());
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.following;
    await Promise.all([...this.entries.keys()].map((name) => this.end(name)));
    await this.ended;
  }

  private async work(): Promise<void> {
    const { bus, registry } = this.deps;
    const endings = [
      registry.onChange(() => this.follow()),
      bus.subscribe((message) => {
        const entry = this.entries.get(message.pipeline);
        entry?.stream.wake();
        if (entry?.orphaned === true) this.follow();
      }),
    ];
    this.follow();
    await new Promise<void>((resolve) => {
      if (this.stopping.signal.aborted) resolve();
      this.stopping.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    for (const end of endings) end();
  }

  private follow(): void {
    this.following = this.following.then(async () => {
      for (const name of new Set([...this.entries.keys(), ...this.deps.registry.names()])) {
        if (this.stopping.signal.aborted) return;
        try {
          await this.followOne(name);
        } catch (error) {
          this.deps.logger.error({ pipeline: name, error: describeError(error) }, 'the stream could not follow the changed pipelines');
        }
      }
      this.started = true;
    });
  }

  private async followOne(name: string): Promise<void> {
    const { registry, store, logger } = this.deps;
    const entry = this.entries.get(name);
    if (!registry.has(name)) {
      if (entry === undefined) return;
      if (!entry.orphaned) {
        entry.orphaned = true;
        await Promise.all([entry.stream, ...entry.beside].map((service) => service.stop()));
        logger.warn({ pipeline: name }, 'the pipeline is no longer configured: its stream has stopped, its slot is still guarded');
      }
      // Removed through the API: there is nothing left to guard.
      if ((await store.readPipeline(name)) === null) await this.end(name);
      return;
    }
    if (entry !== undefined && !entry.orphaned && entry.held.pipeline === registry.get(name)) return;
    // The old stream lets go of the slot before the new one asks for it.
    if (entry !== undefined) await this.end(name);
    this.begin(name);
  }

  private begin(name: string): void {
    const { deps } = this;
    const held = deps.registry.hold(name);
    // A new configuration is a remedy that somebody tried, as is the start of a process that is the only one.
    const stream = new PipelineStream(deps, held.pipeline, { ...this.options, retryHalted: this.started || this.options.retryHalted });
    const guard = new SourceGuard(deps, held.pipeline, stream, this.options);
    const copier = new HistoryCopier(deps, held.pipeline, stream, this.options);
    const watch = new SchemaWatch(deps, held.pipeline, stream);
    stream.companions = { historyTouched: () => copier.wake(), schemaChanged: (stuck) => watch.schemaChanged(stuck), columnsNoticed: () => watch.wake() };
    this.entries.set(name, { held, stream, guard, beside: [copier, watch], orphaned: false });
    for (const service of [stream, guard, copier, watch]) {
      service.run().catch((error: unknown) => {
        // No loop of ours ends by an error: this is a defect. Uncaught, it ends the process, to be started again.
        setImmediate(() => {
          throw error;
        });
      });
    }
  }

  private async end(name: string): Promise<void> {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    await Promise.all([entry.stream, entry.guard, ...entry.beside].map((service) => service.stop()));
    this.entries.delete(name);
    entry.held.release();
  }
}
