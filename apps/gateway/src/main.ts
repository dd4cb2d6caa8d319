import { loadPipelineDirectory, loadServiceSettings } from '@elstream/config';
import { describeError } from '@elstream/core';
import { createLogger } from '@elstream/observability';
import { createRuntime } from '@elstream/runtime';
import { createGatewayApp } from './app';

/** R12: a stop takes less than ten seconds, or says that it did not. */
const STOP_LIMIT_MS = 9_000;

async function main(): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  const { signal } = stopping;

  const settings = loadServiceSettings(process.env);
  const logger = createLogger({ level: settings.logLevel, fields: { service: 'gateway' } });
  signal.addEventListener('abort', () => {
    logger.info({}, 'stopping');
    setTimeout(() => {
      logger.error({ ms: STOP_LIMIT_MS }, 'not stopped in time; ending the process (nothing is lost, work goes on from the control tables)');
      process.exit(1);
    }, STOP_LIMIT_MS).unref();
  });

  const pipelines = loadPipelineDirectory(settings.pipelinesDir, process.env).map(({ config }) => config);
  const runtime = await createRuntime({ pipelines, logger, signal }).catch((error: unknown) => {
    if (signal.aborted) return null;
    throw error;
  });
  if (runtime === null) return;
  try {
    const app = await createGatewayApp(runtime, { host: settings.httpHost, port: settings.httpPort, token: settings.apiToken });
    try {
      const address = await app.listen();
      logger.info({ address, pipelines: pipelines.length }, 'the gateway listens');
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
    } finally {
      await app.close();
    }
  } finally {
    await runtime.close();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`elstream gateway: ${describeError(error)}\n`);
    process.exit(1);
  },
);
