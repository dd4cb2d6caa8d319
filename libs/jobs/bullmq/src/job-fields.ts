import type { EnqueueOptions, Job, QueueName } from '@elstream/jobs';
import type { JobsOptions } from 'bullmq';

/** What a job carries in Redis. */
export interface JobData {
  readonly taskId: string;
  readonly pipeline: string;
}

/** Name of the one kind of job of a queue. */
export const TASK = 'task';
/** The back-off strategy that workers bring with them. */
export const BACKOFF = 'elstream';
const MAX_PRIORITY = 2_000_000;

/**
 * A task's job id: one per task, so that a task waits once. BullMQ takes no `:` in it (it parts Redis keys) and no whole
 * number (its own ids); the escapes keep different tasks different.
 */
export function jobId(taskId: string): string {
  return `t-${encodeURIComponent(taskId)}`;
}

/** Jobs that ended leave nothing behind: otherwise BullMQ would hold the task for known and not take it again. */
export function jobsOptions(job: Job, options: EnqueueOptions): JobsOptions {
  return {
    jobId: jobId(job.taskId),
    attempts: Number.MAX_SAFE_INTEGER,
    backoff: { type: BACKOFF },
    removeOnComplete: true,
    removeOnFail: true,
    stackTraceLimit: 0,
    ...(options.delayMs === undefined ? {} : { delay: Math.ceil(options.delayMs) }),
    ...(options.priority === undefined ? {} : { priority: Math.min(MAX_PRIORITY, Math.max(0, Math.round(options.priority))) }),
  };
}

/** The job in what Redis gave us; null if another program wrote it. */
export function readJob(queue: QueueName, data: unknown): Job | null {
  if (typeof data !== 'object' || data === null) return null;
  const { taskId, pipeline } = data as Record<string, unknown>;
  return typeof taskId === 'string' && typeof pipeline === 'string' ? { queue, taskId, pipeline } : null;
}
