import { loadServiceSettings, type ServiceSettings } from '@elstream/config';
import { describeError, type Logger, sleep } from '@elstream/core';
import { createLogger, createTracing, type Tracing } from '@elstream/observability';
import { newWorkerId } from '@elstream/runtime';
import { type Arguments, openSetup, parseArguments, type Setup, USAGE } from './setup';
import { type Standalone, startStandalone } from './standalone';

/** R12: exit within 10 s; the servers' stop comes last and takes up to three of them. */
const SETTLE_MS = 6_000;

export interface Running {
  readonly standalone: Standalone;
  readonly setup: Setup;
  /** Aborted when the process is to stop. */
  readonly signal: AbortSignal;
}

export interface LifeOptions {
  /** Log level where LOG_LEVEL is not set. */
  readonly logLevel?: ServiceSettings['logLevel'];
  /** As if `--run` were given. */
  readonly run?: boolean;
  /** Called once everything is up. */
  readonly up?: (running: Running) => Promise<void>;
}

/**
 * The life of a standalone process: databases, services, then SIGTERM or SIGINT. Resolves to the exit code: 0 after a
 * signal, 1 if it could not start (said on stderr), 2 for wrong arguments.
 */
export async function live(argv: readonly string[], options: LifeOptions = {}): Promise<number> {
  let args: Arguments;
  try {
    args = parseArguments(argv);
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n\n${USAGE}\n`);
    return 2;
  }
  if (args.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
  let logger = createLogger({ level: 'warn', fields: { service: 'standalone' } });
  let code = 0;
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      // Nobody knows what state the services are in, but the databases are to be stopped well.
      logger.error({ error: describeError(error) }, 'an error that nobody caught; the process ends');
      code = 1;
      stopping.abort();
    });
  }
  const opened: Opened = { setup: null, standalone: null, tracing: null };
  try {
    const settings = loadServiceSettings(process.env, 'standalone');
    const level = process.env['LOG_LEVEL'] ? settings.logLevel : (options.logLevel ?? settings.logLevel);
    logger = createLogger({ level, fields: { service: 'standalone' } });
    await run({ args: { ...args, run: args.run || options.run === true }, settings, logger, opened, signal: stopping.signal, ...(options.up ? { up: options.up } : {}) });
  } catch (error) {
    if (!stopping.signal.aborted) {
      process.stderr.write(`elstream could not start: ${describeError(error)}\n`);
      await close(opened, logger);
      return 1;
    }
  }
  logger.info({}, 'stopping');
  await close(opened, logger);
  return code;
}

interface Opened {
  setup: Setup | null;
  standalone: Standalone | null;
  tracing: Tracing | null;
}

interface RunContext {
  readonly args: Arguments;
  readonly settings: ServiceSettings;
  readonly logger: Logger;
  readonly opened: Opened;
  readonly signal: AbortSignal;
  readonly up?: (running: Running) => Promise<void>;
}

async function run({ args, settings, logger, opened, signal, up }: RunContext): Promise<void> {
  const setup = await openSetup(args, settings, logger);
  opened.setup = setup;
  if (signal.aborted) return;
  const http = { host: settings.httpHost, port: settings.httpPort, token: settings.apiToken };
  const workerId = newWorkerId();
  opened.tracing = createTracing({ service: 'standalone', workerId, logger });
  const reload = { files: setup.files, everyMs: settings.reloadMs };
  const standalone = await startStandalone({ pipelines: setup.pipelines, reload, leaseMs: settings.leaseMs, tracer: opened.tracing, workerId, http, logger, env: setup.env, signal });
  opened.standalone = standalone;
  logger.info({ address: standalone.url, docs: `${standalone.url}/api/docs` }, 'elstream is up');
  if (args.run) await startRuns(standalone);
  await up?.({ standalone, setup, signal });
  while (!signal.aborted) await sleep(3_600_000, signal);
}

/** A run for every pipeline that was never copied as a whole and is not being copied. */
async function startRuns({ runtime: { registry, store, bus } }: Standalone): Promise<void> {
  for (const pipeline of registry.names()) {
    const runs = await store.readRuns({ pipeline, limit: 1_000 });
    const standing = runs.some((run) => run.stages.includes('preload') && ['pending', 'running', 'succeeded'].includes(run.state));
    if (standing) continue;
    const { id } = await store.createRun({ pipeline, reason: runs.length === 0 ? 'initial' : 'manual', tables: [] });
    await bus.publish({ type: 'run-changed', pipeline, runId: id });
  }
}

/** Services first: their databases must be there to settle in. */
async function close({ setup, standalone, tracing }: Opened, logger: Logger): Promise<void> {
  const late = new AbortController();
  const settled = standalone?.close().catch((error: unknown) => logger.error({ error: describeError(error) }, 'the services did not stop well'));
  await Promise.race([settled, sleep(SETTLE_MS, late.signal)]);
  late.abort();
  await tracing?.shutdown();
  try {
    await setup?.databases?.stop();
  } catch (error) {
    logger.error({ error: describeError(error) }, 'the embedded databases did not stop well');
  }
}
