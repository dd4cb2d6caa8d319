import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { loadPipelineText } from '@elstream/config';
import { ElstreamError, setFailpointHandler, sleep, type Service } from '@elstream/core';
import { createLogger } from '@elstream/observability';
import { createPlanner, createStreamer, createTaskWorker } from '@elstream/replication';
import { createRuntime, type Runtime } from '@elstream/runtime';
import { CHILD_SETTINGS, type Ambush, type ChildSettings } from './child-settings';

const BACKOFF = { minMs: 50, maxMs: 500 };
/** How long a stopped process keeps slot and tasks from the next. */
const LEASE_MS = 2_000;

/** The whole product in one process, with a failpoint to die at. Ends with 0 at SIGTERM. */
async function main(): Promise<void> {
  const settings = JSON.parse(process.env[CHILD_SETTINGS] ?? '') as ChildSettings;
  // The parent is gone: nobody would ever end this process.
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  const stopping = new AbortController();
  process.once('SIGTERM', () => stopping.abort());
  if (settings.ambush !== null) layAmbush(settings.ambush, settings.marker);
  const { config } = loadPipelineText(settings.yaml, {});
  const runtime = await createRuntime({ pipelines: [config], logger: createLogger({ level: 'info' }), leaseMs: LEASE_MS, signal: stopping.signal });
  const services: readonly Service[] = [
    createTaskWorker(runtime.deps, 'preload', { concurrency: 3, backoff: BACKOFF }),
    createTaskWorker(runtime.deps, 'validate', { concurrency: 1, backoff: BACKOFF }),
    createStreamer(runtime.deps, { pollMs: 100, backoff: BACKOFF, guardMs: 1_000, standbyMs: 100, retryHalted: true }),
    createPlanner(runtime.deps, { activeMs: 40, idleMs: 100, alone: true }),
  ];
  const running = Promise.all([...services.map((service) => service.run()), ...(settings.keepRunning ? [keepRunning(runtime, config.name, { ...settings, signal: stopping.signal })] : [])]);
  while (!stopping.signal.aborted) await Promise.race([sleep(60_000, stopping.signal), running]);
  await Promise.all(services.map((service) => service.stop()));
  await running;
  await runtime.close();
  process.removeAllListeners('disconnect');
  if (process.connected) process.disconnect();
}

function layAmbush({ failpoint, occurrence, signal }: Ambush, marker: string): void {
  let seen = 0;
  setFailpointHandler((name) => {
    if (name !== failpoint || ++seen !== occurrence) return;
    // On disk before the signal: the note is what proves where the process was.
    const file = openSync(marker, 'w');
    writeSync(file, name);
    fsyncSync(file);
    closeSync(file);
    process.kill(process.pid, signal);
  });
}

/** Starts a run whenever none is active; one that only waits for its end makes way for the next where preloads are what is wanted. */
async function keepRunning(runtime: Runtime, pipeline: string, settings: ChildSettings & { readonly signal: AbortSignal }): Promise<void> {
  const { store } = runtime;
  const { signal, ambush } = settings;
  for (; !signal.aborted; await sleep(100, signal)) {
    try {
      const [active] = await store.readRuns({ pipeline, states: ['pending', 'running'], limit: 1 });
      if (active === undefined) await store.createRun({ pipeline, reason: 'manual', tables: [] });
      else if (ambush?.failpoint.startsWith('batch:') !== true && (await isCopied(runtime, active.id))) await store.endRun(active.id, 'cancelled', null);
    } catch (error) {
      // Another child, or a database that is just restarting: the next look tells.
      if (!(error instanceof ElstreamError) || (error.code !== 'RUN_ACTIVE' && error.recovery !== 'retry')) throw error;
    }
  }
}

async function isCopied({ store }: Runtime, runId: string): Promise<boolean> {
  const tasks = await store.summarize(runId);
  return tasks.some((t) => t.kind === 'finish-table' && t.tasks > 0) && !tasks.some((t) => (t.kind === 'finish-table' || t.kind === 'preload-chunk' || t.kind === 'open-table') && t.state !== 'done' && t.tasks > 0);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
