import { loadPipelineDirectory, loadServiceSettings, type ServiceName, type ServiceSettings } from '@elstream/config';
import { describeError, sleep } from '@elstream/core';
import { createLogger } from '@elstream/observability';
import { createRuntime } from './create-runtime';
import type { Runtime } from './runtime';

/** R12: exit within 10 s; what has not settled by then is rolled back by its database when the connection goes. */
const STOP_MS = 9_000;

export interface RunningApplication {
  close(): Promise<void>;
}

/**
 * The life of a service process: settings from the environment, runtime, application, then SIGTERM or SIGINT.
 * Resolves to the exit code: 0 after a signal, 1 if it could not start (the reason is logged).
 */
export async function serviceMain(service: ServiceName, start: (runtime: Runtime, settings: ServiceSettings) => Promise<RunningApplication>): Promise<number> {
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort());
  let logger = createLogger({ fields: { service } });
  let runtime: Runtime | null = null;
  try {
    const settings = loadServiceSettings(process.env, service);
    logger = createLogger({ level: settings.logLevel, fields: { service } });
    const pipelines = loadPipelineDirectory(settings.pipelinesDir, process.env).map((p) => p.config);
    runtime = await createRuntime({ pipelines, logger, signal: stopping.signal });
    const application = await start(runtime, settings);
    while (!stopping.signal.aborted) await sleep(3_600_000, stopping.signal);
    logger.info({}, 'stopping');
    await settleWithin(STOP_MS, async () => {
      await application.close();
      await runtime?.close();
    });
    return 0;
  } catch (error) {
    if (stopping.signal.aborted) return 0;
    logger.error({ error: describeError(error) }, 'the service could not start');
    await settleWithin(STOP_MS, async () => runtime?.close());
    return 1;
  }
}

async function settleWithin(ms: number, work: () => Promise<void> | undefined): Promise<void> {
  const late = new AbortController();
  await Promise.race([work(), sleep(ms, late.signal)]);
  late.abort();
}
