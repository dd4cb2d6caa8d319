import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';

/** Between two looks at a pipeline's uses, milliseconds. */
const LOOK_MS = 5_000;

/**
 * Ends uses of markers (R5) whose run has ended: cancelled, or of a process that died. Not before a worker that has yet to
 * notice has given up by its own clock: it may be about to write what it decided from a marker.
 */
export class StaleUses {
  private readonly lookedAt = new Map<string, number>();
  private readonly since = new Map<string, Map<string, number>>();

  constructor(
    private readonly deps: Pick<ReplicationDeps, 'clock' | 'logger'>,
    /** How long a worker may go on with a task that is not its own any more, milliseconds. */
    private readonly graceMs: number,
  ) {}

  async look(pipeline: PipelineHandle): Promise<void> {
    const { clock, logger } = this.deps;
    const { name, warehouse } = pipeline;
    const now = clock();
    if (now - (this.lookedAt.get(name) ?? Number.NEGATIVE_INFINITY) < Math.min(LOOK_MS, this.graceMs / 3)) return;
    this.lookedAt.set(name, now);
    const uses = await warehouse.staleUses(name);
    const before = this.since.get(name);
    const since = new Map(uses.map((use) => [nameOf(use), before?.get(nameOf(use)) ?? now]));
    this.since.set(name, since);
    const due = uses.filter((use) => now - (since.get(nameOf(use)) ?? now) >= this.graceMs);
    if (due.length === 0) return;
    const mappings = await pipeline.mappings();
    for (const { table, runId } of due) {
      // A table that the pipeline has no more was forgotten with its uses, or is about to be.
      const mapping = mappings.get(table);
      if (mapping === undefined) continue;
      await warehouse.closeUse({ pipeline: name, mapping, runId });
      logger.info({ pipeline: name, table, runId }, 'delete markers kept for a run that has ended are let go');
    }
  }
}

function nameOf(use: { readonly table: string; readonly runId: string }): string {
  return JSON.stringify([use.table, use.runId]);
}
