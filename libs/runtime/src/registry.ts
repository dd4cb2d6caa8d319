import { databaseOf, type PipelineConfig } from '@elstream/config';
import type { ControlBus, ControlStore } from '@elstream/control';
import { backoffMs, describeError, ElstreamError, recoveryOf, sleep, type Logger } from '@elstream/core';
import type { HeldPipeline, PipelineHandle, PipelineRegistry } from '@elstream/replication';
import { Holdable } from './held';
import type { BoundPipeline } from './pipeline-handle';
import { whileRunning } from './running-settings';

const DROP_TRIES = 10;

export interface RegistryParts {
  readonly store: ControlStore;
  readonly bus: ControlBus;
  readonly logger: Logger;
  readonly bind: (config: PipelineConfig) => Promise<BoundPipeline>;
  /** Called when a pipeline is no longer configured. */
  readonly forget?: (name: string) => Promise<void>;
}

interface Entry {
  readonly config: PipelineConfig;
  readonly holdable: Holdable;
}

/**
 * The configured pipelines. `apply` follows the pipeline files, `remove` takes a pipeline out of the source and the
 * control tables for good. A removed one whose file is still there stays away until the file goes and comes back, or
 * another process enters it in the control tables again.
 */
export class BoundRegistry implements PipelineRegistry {
  private readonly entries = new Map<string, Entry>();
  /** Retired handles that may still be held. */
  private readonly retired = new Set<Holdable>();
  /** Configured but removed through the API, by name. */
  private readonly removed = new Map<string, PipelineConfig>();
  private readonly listeners = new Set<() => void>();

  constructor(private readonly parts: RegistryParts) {}

  names(): readonly string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  get(name: string): PipelineHandle {
    return this.entry(name).holdable.pipeline;
  }

  hold(name: string): HeldPipeline {
    return this.entry(name).holdable.hold();
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Goes over to these configurations, which are valid together. What cannot be taken over is said in a warning; the rest goes on. */
  async apply(configs: readonly PipelineConfig[]): Promise<void> {
    const wanted = new Map(configs.map((config) => [config.name, config]));
    let changed = false;
    for (const name of this.removed.keys()) if (!wanted.has(name)) this.removed.delete(name);
    for (const name of this.names()) {
      if (wanted.has(name)) continue;
      await this.leave(name);
      changed = true;
      this.parts.logger.warn({ pipeline: name }, 'the file of the pipeline is gone: its stream stops and its tasks wait, while its slot is guarded as long as this process lives; to remove it, put the file back and DELETE the pipeline through the API');
    }
    for (const config of configs) changed = (await this.follow(config)) || changed;
    if (changed) this.tell();
  }

  /** Follows removals through the API of another process, and pipelines that were entered again. */
  async followRemovals(): Promise<void> {
    const known = new Set((await this.parts.store.readPipelines()).map((record) => record.name));
    let changed = false;
    for (const [name, { config }] of [...this.entries]) {
      if (known.has(name)) continue;
      await this.leave(name);
      this.removed.set(name, config);
      changed = true;
      this.parts.logger.info({ pipeline: name }, 'the pipeline was removed');
    }
    for (const [name, config] of [...this.removed]) {
      if (!known.has(name)) continue;
      this.removed.delete(name);
      await this.enter(config);
      changed = true;
    }
    if (changed) this.tell();
  }

  async remove(name: string): Promise<void> {
    const { config, holdable } = this.entry(name);
    const { store, bus } = this.parts;
    // Paused first: from then on no reader holds the slot, and nothing starts a run for the lost log.
    await store.setPaused(name, true);
    for (const run of await store.readRuns({ pipeline: name, states: ['pending', 'running'], limit: 10 })) {
      await store.endRun(run.id, 'cancelled', 'the pipeline was removed');
    }
    await bus.publish({ type: 'pipeline-changed', pipeline: name });
    await dropCapture(holdable.pipeline);
    await store.removePipeline(name);
    await this.leave(name);
    this.removed.set(name, config);
    this.tell();
    await bus.publish({ type: 'pipeline-changed', pipeline: name });
  }

  async close(): Promise<void> {
    await Promise.all([...[...this.entries.values()].map((entry) => entry.holdable), ...this.retired].map((holdable) => holdable.close()));
  }

  /** True if anything changed. */
  private async follow(wanted: PipelineConfig): Promise<boolean> {
    const { logger } = this.parts;
    if (this.removed.has(wanted.name)) {
      this.removed.set(wanted.name, wanted);
      return false;
    }
    const entry = this.entries.get(wanted.name);
    if (entry === undefined) {
      if (!this.sameWarehouse(wanted)) return false;
      // Only now: a changed one that was just removed through another process must not come back by its change.
      await this.parts.store.registerPipeline(wanted.name);
      await this.enter(wanted);
      logger.info({ pipeline: wanted.name }, 'pipeline added');
      return true;
    }
    const { config, kept } = whileRunning(entry.config, wanted);
    for (const { setting, remedy } of kept) logger.warn({ pipeline: wanted.name, setting }, `${setting} was changed in the pipeline file and stays as it was: ${remedy}`);
    if (JSON.stringify(config) === JSON.stringify(entry.config)) return false;
    await this.enter(config);
    this.retire(entry.holdable);
    logger.info({ pipeline: wanted.name }, 'pipeline configured anew');
    return true;
  }

  private sameWarehouse(wanted: PipelineConfig): boolean {
    const [first] = [...this.entries.values(), ...[...this.removed.values()].map((config) => ({ config }))];
    if (first === undefined || databaseOf(first.config.warehouse.url) === databaseOf(wanted.warehouse.url)) return true;
    this.parts.logger.error({ pipeline: wanted.name, setting: 'warehouse.url' }, `warehouse.url of the new pipeline is another warehouse than that of ${first.config.name}; the pipeline is left out; start a process for it (PIPELINES_DIR)`);
    return false;
  }

  private async enter(config: PipelineConfig): Promise<void> {
    const pipeline = await this.parts.bind(config);
    const holdable: Holdable = new Holdable(pipeline, (error) => {
      this.retired.delete(holdable);
      if (error !== null) this.parts.logger.warn({ pipeline: config.name, error: describeError(error) }, 'connections of the former configuration did not close well');
    });
    this.entries.set(config.name, { config, holdable });
  }

  private async leave(name: string): Promise<void> {
    const entry = this.entries.get(name);
    this.entries.delete(name);
    if (entry !== undefined) this.retire(entry.holdable);
    await this.parts.forget?.(name);
  }

  private retire(holdable: Holdable): void {
    this.retired.add(holdable);
    holdable.retire();
  }

  private tell(): void {
    for (const listener of [...this.listeners]) {
      try {
        listener();
      } catch (error) {
        this.parts.logger.error({ error: describeError(error) }, 'a listener failed to follow the changed pipelines');
      }
    }
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new ElstreamError('PIPELINE_UNKNOWN', 'refuse', `there is no pipeline ${name}; pipelines are declared in files of PIPELINES_DIR`, { place: { pipeline: name } });
    return entry;
  }
}

/** The slot may be held for a moment by the reader that is just stopping. */
async function dropCapture(pipeline: BoundPipeline): Promise<void> {
  const stream = await pipeline.stream();
  for (let failures = 1; ; failures += 1) {
    try {
      await stream.drop();
      return;
    } catch (error) {
      if (recoveryOf(error) !== 'retry' || failures >= DROP_TRIES) throw error;
      await sleep(backoffMs(failures, { minMs: 200, maxMs: 2_000 }));
    }
  }
}
