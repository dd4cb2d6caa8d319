import type { ServerResponse } from 'node:http';
import type { HealthRegistry, Liveness, Metrics, Readiness } from '@elstream/observability';

/** What health and metrics are answered from; a runtime is one. */
export interface HealthSource {
  readonly health: Pick<HealthRegistry, 'liveness' | 'readiness'>;
  readonly metrics: Pick<Metrics, 'contentType' | 'text'>;
}

/** Answered without a token by every service: names and numbers only (R10). */
export const HEALTH_PATHS = ['/health/live', '/health/ready', '/metrics'] as const;

/** Sets the status, 503 where a work loop hangs: the process is to be started again. */
export function answerLive({ health }: HealthSource, res: ServerResponse): Liveness {
  const liveness = health.liveness();
  res.statusCode = liveness.live ? 200 : 503;
  return liveness;
}

/** Sets the status, 503 where something needed is missing: no work is to be sent, but a new start would not help. */
export async function answerReady({ health }: HealthSource, res: ServerResponse): Promise<Readiness> {
  const readiness = await health.readiness();
  res.statusCode = readiness.ready ? 200 : 503;
  return readiness;
}

/** Ends the response with the metrics in the Prometheus text format. */
export async function answerMetrics({ metrics }: HealthSource, res: ServerResponse): Promise<void> {
  const text = await metrics.text();
  res.statusCode = 200;
  res.setHeader('Content-Type', metrics.contentType);
  res.end(text);
}
