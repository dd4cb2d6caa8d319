import { describeProblem, loadServiceSettings, pipelineFiles, type ServiceName, type ServiceSettings } from '@elstream/config';
import { describeError, sleep, type Logger } from '@elstream/core';
import { createLogger, createMetrics, createTracing, HealthRegistry, throttled } from '@elstream/observability';
import { createRuntime, newWorkerId } from './create-runtime';
import { ServiceServer } from './http/service-server';
import { startedCheck } from './started-check';
import type { Runtime } from './runtime';

/** R12: exit within 10 s; what has not settled by then is rolled back by its database when the connection goes. */
const STOP_MS = 9_000;
/** That gauges are stale is said at most this often. */
const SAY_STALE_MS = 60_000;

export interface RunningApplication {
  close(): Promise<void>;
}

/** What a service's application is made from. */
export interface ServiceContext {
  readonly runtime: Runtime;
  readonly settings: ServiceSettings;
  /** Listens already, and answers health and metrics. */
  readonly server: ServiceServer;
}

/** What is to be closed at the end, last first. */
type Closers = (() => Promise<void>)[];

/**
 * The life of a service process: settings from the environment, HTTP, runtime, application, then SIGTERM or SIGINT.
 * Resolves to the exit code: 0 after a signal, 1 if it could not start (the reason is logged). An error nobody caught is
 * logged and ends the process with 1 at once, so that it is started again: what state it is in nobody knows.
 */
export async function serviceMain(service: ServiceName, start: (context: ServiceContext) => Promise<RunningApplication>): Promise<number> {
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.abort());
  let logger = createLogger({ fields: { service } });
  dieOfUncaught(() => logger);
  const closers: Closers = [];
  let code = 0;
  try {
    const settings = loadServiceSettings(process.env, service);
    const workerId = newWorkerId();
    logger = createLogger({ level: settings.logLevel, fields: { service, worker: workerId } });
    await run({ service, settings, workerId, logger, closers, signal: stopping.signal }, start);
    logger.info({}, 'stopping');
  } catch (error) {
    if (!stopping.signal.aborted) {
      logger.error({ error: describeError(error) }, 'the service could not start');
      code = 1;
    }
  }
  await settleWithin(STOP_MS, () => closeAll(closers, logger));
  return code;
}

interface Life {
  readonly service: ServiceName;
  readonly settings: ServiceSettings;
  readonly workerId: string;
  readonly logger: Logger;
  readonly closers: Closers;
  readonly signal: AbortSignal;
}

async function run({ service, settings, workerId, logger, closers, signal }: Life, start: (context: ServiceContext) => Promise<RunningApplication>): Promise<void> {
  const files = pipelineFiles({ directory: settings.pipelinesDir }, process.env);
  const loaded = files.load(files.read());
  for (const warning of loaded.flatMap((pipeline) => pipeline.warnings)) logger.warn({}, describeProblem(warning));
  const health = new HealthRegistry();
  const quiet = throttled(logger, SAY_STALE_MS);
  const metrics = createMetrics({ process: true, onRefreshError: (error) => quiet.warn({ error: describeError(error) }, 'gauges could not be refreshed for a scrape and are missing or stale') });
  const tracing = createTracing({ service, workerId, logger });
  closers.push(() => tracing.shutdown());
  const started = startedCheck(health, signal);
  const server = new ServiceServer({ health, metrics });
  const address = await server.listen({ host: settings.httpHost, port: settings.httpPort });
  closers.push(() => server.close());
  logger.info({ address }, 'listening');
  const runtime = await createRuntime({
    pipelines: loaded.map((pipeline) => pipeline.config),
    reload: { files, everyMs: settings.reloadMs },
    logger,
    coordination: settings.redis === null ? { kind: 'in-process' } : { kind: 'redis', redis: settings.redis },
    leaseMs: settings.leaseMs,
    workerId,
    health,
    metrics,
    overviewMetrics: service === 'gateway',
    tracer: tracing,
    signal,
  });
  closers.push(() => runtime.close());
  if (signal.aborted) return;
  const application = await start({ runtime, settings, server });
  closers.push(() => application.close());
  started();
  while (!signal.aborted) await sleep(3_600_000, signal);
}

async function closeAll(closers: Closers, logger: Logger): Promise<void> {
  for (const close of closers.reverse()) {
    try {
      await close();
    } catch (error) {
      logger.warn({ error: describeError(error) }, 'something did not close well; the process ends all the same');
    }
  }
}

function dieOfUncaught(logger: () => Logger): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      logger().error({ error: describeError(error), ...(error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}) }, 'an error that nobody caught; the process ends');
      process.exit(1);
    });
  }
}

async function settleWithin(ms: number, work: () => Promise<void>): Promise<void> {
  const late = new AbortController();
  await Promise.race([work(), sleep(ms, late.signal)]);
  late.abort();
}
