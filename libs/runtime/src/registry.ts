import type { ControlBus, ControlStore } from '@elstream/control';
import { backoffMs, ElstreamError, recoveryOf, sleep } from '@elstream/core';
import type { HeldPipeline, PipelineHandle, PipelineRegistry } from '@elstream/replication';
import type { BoundPipeline } from './pipeline-handle';

const DROP_TRIES = 10;

/** The configured pipelines; `remove` takes one out of the source and the control tables for good. */
export class BoundRegistry implements PipelineRegistry {
  private readonly pipelines: Map<string, BoundPipeline>;

  constructor(
    pipelines: readonly BoundPipeline[],
    private readonly store: ControlStore,
    private readonly bus: ControlBus,
  ) {
    this.pipelines = new Map(pipelines.map((p) => [p.name, p]));
  }

  names(): readonly string[] {
    return [...this.pipelines.keys()];
  }

  has(name: string): boolean {
    return this.pipelines.has(name);
  }

  get(name: string): PipelineHandle {
    return this.bound(name);
  }

  hold(name: string): HeldPipeline {
    return { pipeline: this.bound(name), release: () => undefined };
  }

  onChange(): () => void {
    return () => undefined;
  }

  async remove(name: string): Promise<void> {
    const pipeline = this.bound(name);
    // Paused first: from then on no reader holds the slot, and nothing starts a run for the lost log.
    await this.store.setPaused(name, true);
    for (const run of await this.store.readRuns({ pipeline: name, states: ['pending', 'running'], limit: 10 })) {
      await this.store.endRun(run.id, 'cancelled', 'the pipeline was removed');
    }
    await this.bus.publish({ type: 'pipeline-changed', pipeline: name });
    await dropCapture(pipeline);
    await this.store.removePipeline(name);
    this.pipelines.delete(name);
    await this.bus.publish({ type: 'pipeline-changed', pipeline: name });
    await pipeline.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.pipelines.values()].map((p) => p.close()));
  }

  private bound(name: string): BoundPipeline {
    const pipeline = this.pipelines.get(name);
    if (pipeline === undefined) throw new ElstreamError('PIPELINE_UNKNOWN', 'refuse', `there is no pipeline ${name}; pipelines are declared in files of PIPELINES_DIR`, { place: { pipeline: name } });
    return pipeline;
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
