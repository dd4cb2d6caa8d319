import type { JobQueue } from '@elstream/jobs';
import type { Metrics } from '@elstream/observability';

/** The jobs in the queue, counted when asked; no series while the queue cannot be asked, since a stale one looks idle. */
export function refreshQueueGauges(metrics: Pick<Metrics, 'queueJobs' | 'beforeScrape'>, queue: Pick<JobQueue, 'counts'>): () => void {
  return metrics.beforeScrape(async () => {
    try {
      const counts = await queue.counts();
      for (const [name, jobs] of Object.entries(counts)) {
        for (const [state, number] of Object.entries(jobs)) metrics.queueJobs.set({ queue: name, state }, number);
      }
    } catch (error) {
      metrics.queueJobs.reset();
      throw error;
    }
  });
}
