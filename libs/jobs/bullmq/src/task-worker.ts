import { backoffMs, describeError, ElstreamError, recoveryOf, type Logger } from '@elstream/core';
import type { Job, JobHandler, QueueName, WorkOptions } from '@elstream/jobs';
import { UnrecoverableError, type Job as BullJob } from 'bullmq';
import { ClosableWorker, type ClosableWorkerOptions } from './closable-worker';
import { readJob } from './job-fields';

export interface TaskWorkerOptions extends Omit<ClosableWorkerOptions, 'bull' | 'name'> {
  readonly queue: QueueName;
  readonly work: WorkOptions;
}

/** A worker of tasks: the handler's errors become back-off or the end of the job. */
export function startTaskWorker(options: TaskWorkerOptions, handler: JobHandler): ClosableWorker {
  const { queue, work, logger } = options;
  const worker: ClosableWorker = new ClosableWorker(
    {
      ...options,
      name: queue,
      bull: {
        concurrency: work.concurrency,
        // Of a worker that closes the next may have it at once.
        settings: { backoffStrategy: (failures) => (worker.signal.aborted ? 0 : backoffMs(failures, work.backoff)) },
        ...(work.rate === undefined ? {} : { limiter: { max: work.rate.jobs, duration: work.rate.perMs } }),
      },
    },
    (raw, signal) => tryJob({ queue, logger, handler }, raw, signal),
  );
  return worker;
}

/** Only an error's code goes to Redis, never its text. */
async function tryJob(task: { queue: QueueName; logger: Logger; handler: JobHandler }, raw: BullJob, signal: AbortSignal): Promise<void> {
  const job = readJob(task.queue, raw.data);
  if (job === null) {
    task.logger.error({ queue: task.queue }, 'a job in the queue is none of ours and was dropped: another program writes under our REDIS_PREFIX');
    throw new UnrecoverableError('NOT_A_TASK');
  }
  try {
    await task.handler(job, signal);
  } catch (error) {
    throw ended(job, error, { logger: task.logger, failures: raw.attemptsMade + 1 });
  }
}

function ended(job: Job, error: unknown, { logger, failures }: { logger: Logger; failures: number }): Error {
  const fields = { queue: job.queue, task: job.taskId, pipeline: job.pipeline, error: describeError(error) };
  const code = error instanceof ElstreamError ? error.code : 'UNEXPECTED';
  const recovery = recoveryOf(error);
  if (recovery === 'retry') {
    logger[failures < 5 ? 'info' : 'warn']({ ...fields, failures }, 'job failed for now; it comes again');
    return new Error(code);
  }
  logger[recovery === 'lost' ? 'debug' : 'error'](fields, 'job ended');
  return new UnrecoverableError(code);
}
