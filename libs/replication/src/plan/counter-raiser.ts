import type { PipelineRecord } from '@elstream/control';
import { describeError } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import { raiseCounter } from '../stream/passes';

/**
 * R3 (a): raises the counter of streams whose numbers are gapless, whether or not anybody reads them: what capture leaves
 * out while all streamers are away takes numbers with it. Nobody waits for it: a source that is down holds no planning up.
 */
export class CounterRaiser {
  private readonly raisedAt = new Map<string, number>();
  private readonly raising = new Set<string>();

  constructor(private readonly deps: ReplicationDeps) {}

  /** Called often; raises once per `counterIntervalMs`. */
  look(pipeline: PipelineHandle, record: Pick<PipelineRecord, 'gapReason'>): void {
    const { name, settings } = pipeline;
    const now = this.deps.clock();
    if (record.gapReason !== null || this.raising.has(name) || now - (this.raisedAt.get(name) ?? Number.NEGATIVE_INFINITY) < settings.counterIntervalMs) return;
    this.raisedAt.set(name, now);
    this.raising.add(name);
    void this.raise(pipeline).finally(() => this.raising.delete(name));
  }

  private async raise(pipeline: PipelineHandle): Promise<void> {
    try {
      const stream = await pipeline.stream();
      // Before the first preparation there is nothing to raise, nor anything to be missed.
      if (stream.gapless !== true || (await pipeline.warehouse.readCheckpoints(pipeline.name)).length === 0) return;
      await raiseCounter(this.deps, pipeline);
    } catch (error) {
      this.deps.logger.debug({ pipeline: pipeline.name, error: describeError(error) }, 'the counter at the source could not be raised just now');
    }
  }
}
