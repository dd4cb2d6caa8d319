import type { NewTask, Task } from '@elstream/control';
import { ElstreamError, type Logger, type TableMapping, type TaskClaim } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import type { LongStep } from '../progress';

/** What a handler works with. `signal` aborts when the worker stops or the claim is lost: finish or give up soon. */
export interface TaskContext {
  readonly deps: ReplicationDeps;
  readonly pipeline: PipelineHandle;
  readonly task: Task;
  readonly claim: TaskClaim;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** To be called now and then: a handler that is silent for very long counts as hung and loses its task. */
  readonly moved: () => void;
  /** Round a statement as large as a table, which says nothing until it is done. */
  readonly longStep: LongStep;
}

/**
 * Renews the claim before a write that no claim guards, and so narrows what a worker does that was asleep meanwhile.
 * Throws `TASK_LOST` (lost) if the task is no longer ours.
 */
export async function stillOurs({ deps, claim, task }: TaskContext): Promise<void> {
  if (!(await deps.store.renew(claim))) throw new ElstreamError('TASK_LOST', 'lost', `task ${task.kind} was given to another worker`);
}

export type TaskOutcome =
  /** To be marked done, adding `follow` in the same transaction. */
  | { readonly outcome: 'done'; readonly result: Readonly<Record<string, unknown>>; readonly follow?: readonly NewTask[] }
  /** Marked done already, by the transaction that wrote its rows (R4). */
  | { readonly outcome: 'completed' }
  /** Somebody else's now; given up silently. */
  | { readonly outcome: 'lost' };

export type TaskHandler = (context: TaskContext) => Promise<TaskOutcome>;

/** The mapping of the task's table. Throws `TABLE_UNMAPPED` (stop) if the pipeline has none any more. */
export async function mappingOf({ pipeline, task }: TaskContext): Promise<TableMapping> {
  const mapping = task.table === null ? undefined : (await pipeline.mappings()).get(task.table);
  if (mapping === undefined) {
    throw new ElstreamError('TABLE_UNMAPPED', 'stop', `task ${task.kind} has no mapped table; start a new run`, {
      place: { pipeline: pipeline.name, table: task.table ?? '(none)' },
    });
  }
  return mapping;
}

/** The epoch the task works for. A chunk or finish task without one was made by no planner of ours. */
export function epochOf({ claim, task }: TaskContext): number {
  if (claim.epoch === null) throw new ElstreamError('TASK_WITHOUT_EPOCH', 'stop', `task ${task.kind} carries no epoch; cancel the run and start a new one`, { place: { table: task.table ?? '(none)' } });
  return claim.epoch;
}
