import { directMark, directMoment } from '@elstream/change-stream';
import type { NewTask, Run, Task, ValidationScope } from '@elstream/control';
import { LogPosition, silentLogger, type TableMapping } from '@elstream/core';
import { TABLE } from '../compare/sides.fixture';
import type { ReplicationDeps } from '../deps';
import { silentObserver } from '../observer';
import type { PipelineHandle } from '../pipeline';
import type { TaskContext, TaskOutcome } from './task-context';

export const POSITION = LogPosition.fromBigInt(50n, 8);

export interface World {
  readonly task?: Partial<Task>;
  readonly mapping?: TableMapping;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly source?: Readonly<Record<string, unknown>>;
  readonly warehouse?: Readonly<Record<string, unknown>>;
  readonly store?: Readonly<Record<string, unknown>>;
  readonly observer?: Partial<ReplicationDeps['observer']>;
  readonly clock?: () => number;
  readonly signal?: AbortSignal;
}

export function runOf(scope: ValidationScope = {}, more: Partial<Run> = {}): Run {
  return { id: 'r', pipeline: 'p', reason: 'manual', state: 'running', stages: ['validate'], scope, tables: [TABLE.id], error: null, createdAt: new Date(0), startedAt: null, finishedAt: null, ...more };
}

/** A task of run `r` on `TABLE` among fakes; what it asks for and no fake gives fails it. */
export function taskContext(world: World): TaskContext {
  const { mapping = TABLE, clock = () => 0, signal = new AbortController().signal } = world;
  const source = { endOfLog: async () => POSITION, transactionsInProgress: async () => [], replicaHasApplied: async () => true, ...world.source };
  const pipeline = {
    name: 'p',
    settings: { compareRows: 100, maxRereads: 3, transactionWaitMs: 1_000, validationWaitMs: 1_000, validateRowsPerSecond: null, deadLetters: { policy: 'park', limit: 9 }, ...world.settings },
    warehouse: { openUse: async () => undefined, closeUse: async () => undefined, readTableStates: async () => [], ...world.warehouse },
    source: async () => source,
    stream: async () => ({ mark: async (position: LogPosition) => directMark(position), moment: async (position: LogPosition) => directMoment(position) }),
    mappings: async () => new Map([[mapping.id, mapping]]),
  };
  const task = { id: 't', runId: 'r', pipeline: 'p', table: mapping.id, attempt: 1, epoch: 1, payload: {}, ...world.task };
  return {
    deps: { clock, observer: { ...silentObserver, ...world.observer }, store: { readRun: async () => runOf(), ...world.store } } as unknown as ReplicationDeps,
    pipeline: pipeline as unknown as PipelineHandle,
    task: task as Task,
    claim: { taskId: 't', runId: 'r', attempt: 1, epoch: 1 },
    signal,
    logger: silentLogger,
    moved: () => undefined,
    longStep: (step) => step(),
  };
}

/** Result and following tasks of a task that is done. */
export async function doneBy(outcome: Promise<TaskOutcome>): Promise<{ readonly result: Readonly<Record<string, unknown>>; readonly follow: readonly NewTask[] }> {
  const ended = await outcome;
  if (ended.outcome !== 'done') throw new Error(ended.outcome);
  return { result: ended.result, follow: ended.follow ?? [] };
}

export async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield item;
}
