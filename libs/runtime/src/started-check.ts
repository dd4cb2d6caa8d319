import type { HealthRegistry } from '@elstream/observability';

/**
 * Registers the readiness check `started`: it fails until the returned function is called, and again as soon as
 * `stopping` aborts, so that nothing is sent to a process on its way out.
 */
export function startedCheck(health: HealthRegistry, stopping: AbortSignal): () => void {
  let started = false;
  health.addCheck('started', () => {
    if (stopping.aborted) return Promise.reject(new Error('stopping'));
    return started ? Promise.resolve() : Promise.reject(new Error('starting'));
  });
  return () => {
    started = true;
  };
}
