import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@elstream/embedded-postgres';
import { renderOverlay, startRedisServer } from '@elstream/servers';
import { bundler, bundles } from '../../paths';
import { type Cleanup } from '../cleanup';
import { type Output } from '../output';
import { ordersOf, type ServiceOrder } from './manifest';
import { type RunningKafka } from './start-kafka';
import { WorkloadProcess } from './workload-process';

export interface ServicesOptions {
  /** Of this run alone. */
  readonly folder: string;
  /** What the services write goes to its end. */
  readonly logFile: string;
  readonly sourceUrl: string;
  readonly warehouseUrl: string;
  /** Null: the streamers read the source's log. */
  readonly kafka: RunningKafka | null;
  readonly out: Output;
  readonly cleanup: Cleanup;
  readonly signal: AbortSignal;
}

/** Services as separate processes, as the manifests of the overlay describe them. */
export interface RunningServices {
  /** Addresses of the gateways. */
  readonly urls: readonly string[];
  readonly token: string;
  /** Rejects when a service ends by itself or a node would have killed it. */
  readonly failure: Promise<never>;
}

const START_MS = 60_000;

/**
 * Starts Redis, then every workload of the overlay with its own command, environment, files and probes, in as many
 * replicas as it asks for. Only host names, ports and secrets are other than in the manifests. What is started is handed
 * to `cleanup` at once.
 */
export async function startServices(options: ServicesOptions): Promise<RunningServices> {
  const { folder, logFile, kafka, out, cleanup, signal } = options;
  const overlay = kafka === null ? 'dev' : 'dev-kafka';
  const workloads = ordersOf(await renderOverlay(overlay)).map((workload) => (kafka === null ? workload : kafka.fit(workload)));
  out.step(`rendered deploy/k8s/overlays/${overlay}: ${workloads.map((w) => (w.once ? `${w.name} (once)` : `${String(w.replicas)} × ${w.name}`)).join(', ')}`);
  // Compiled as this file is, the services were compiled with it.
  const compiled = path.extname(__filename) === '.js';
  await promisify(execFile)(process.execPath, [bundler, ...(compiled ? ['--no-build'] : [])], { signal, maxBuffer: 1 << 24 });
  const redis = await startRedisServer({ dir: path.join(folder, 'redis') });
  cleanup.add(() => redis.stop());
  signal.throwIfAborted();

  const token = randomBytes(24).toString('base64url');
  const secrets = { SOURCE_URL: options.sourceUrl, WAREHOUSE_URL: options.warehouseUrl, REDIS_URL: redis.url, API_TOKEN: token };
  const output = openSync(logFile, 'a');
  cleanup.add(async () => closeSync(output));
  const running: { readonly process: WorkloadProcess; readonly graceMs: number }[] = [];
  cleanup.add(() => stopAll(running));
  const launch = async (workload: ServiceOrder, name: string): Promise<{ readonly process: WorkloadProcess; readonly url: string }> => {
    const port = await freePort();
    const env = { ...workload.env, ...secretsOf(workload, secrets), HTTP_HOST: '127.0.0.1', HTTP_PORT: String(port) };
    const process = new WorkloadProcess({ name, command: workload.command, cwd: workFolder(folder, name, workload), env, output });
    running.push({ process, graceMs: workload.graceMs });
    return { process, url: `http://127.0.0.1:${String(port)}` };
  };

  for (const job of workloads.filter((w) => w.once)) {
    const { process } = await launch(job, job.name);
    const { code } = await process.ended;
    if (code !== 0) throw new Error(`the job ${job.name} ended with ${String(code)}`);
  }
  signal.throwIfAborted();
  const started = await Promise.all(
    workloads
      .filter((w) => !w.once)
      .flatMap((workload) => Array.from({ length: workload.replicas }, async (_, i) => ({ workload, ...(await launch(workload, `${workload.name}-${String(i + 1)}`)) }))),
  );
  signal.throwIfAborted();
  const failure = Promise.race(started.map(async ({ process }) => process.failure()));
  failure.catch(() => undefined);
  await Promise.race([failure, Promise.all(started.map(async ({ workload, process }) => becomesReady(workload, process)))]);
  const watched = Promise.race([failure, ...started.map(async ({ workload, process }) => (workload.probes.liveness === null ? failure : process.watch(workload.probes.liveness)))]);
  watched.catch(() => undefined);
  return { urls: started.filter((s) => s.workload.component === 'gateway').map((s) => s.url), token, failure: watched };
}

/** All at once, as when a namespace is deleted; the first that did not end well is told. */
async function stopAll(running: readonly { readonly process: WorkloadProcess; readonly graceMs: number }[]): Promise<void> {
  const ends = await Promise.allSettled(running.map(({ process, graceMs }) => process.stop(graceMs)));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function becomesReady({ probes: { startup, readiness } }: ServiceOrder, process: WorkloadProcess): Promise<void> {
  if (startup !== null) await process.passes('startup', startup, Math.max(START_MS, startup.periodMs * startup.failures));
  if (readiness !== null) await process.passes('readiness', readiness, START_MS);
}

function secretsOf({ name, secrets }: ServiceOrder, known: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(secrets).map(([variable, key]) => {
      const value = known[key];
      if (value === undefined) throw new Error(`${name}: takes ${variable} from key ${key} of a Secret, which the demonstration does not know`);
      return [variable, value];
    }),
  );
}

/** What the container's working directory would hold: the image's bundles and the mounted files. */
function workFolder(folder: string, name: string, { files }: ServiceOrder): string {
  const app = path.join(folder, 'app', name);
  mkdirSync(app, { recursive: true });
  for (const entry of readdirSync(bundles)) symlinkSync(path.join(bundles, entry), path.join(app, entry));
  for (const { path: file, text } of files) {
    mkdirSync(path.dirname(path.join(app, file)), { recursive: true });
    writeFileSync(path.join(app, file), text);
  }
  return app;
}
