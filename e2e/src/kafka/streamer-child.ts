import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { loadPipelineText } from '@elstream/config';
import { setFailpointHandler, sleep } from '@elstream/core';
import { createLogger } from '@elstream/observability';
import { applyBatch, createStreamer, type ApplyBatch } from '@elstream/replication';
import { createRuntime } from '@elstream/runtime';
import { FAST_STREAMER, gaveWayFile, STREAMER_SETTINGS, type StreamerAmbush, type StreamerSettings } from './streamer-settings';

/** A streamer alone, as its service is: it shares partitions with others of its kind. Ends with 0 at SIGTERM. */
async function main(): Promise<void> {
  const { yaml, marker } = JSON.parse(process.env[STREAMER_SETTINGS] ?? '') as StreamerSettings;
  // The parent is gone: nobody would ever end this process.
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  // What keeps a process that does not end.
  process.on('SIGUSR2', () => process.stderr.write(`held by ${process.getActiveResourcesInfo().join(' ')}\n`));
  const stopping = new AbortController();
  process.once('SIGTERM', () => stopping.abort());
  const apply = awaitAmbush(marker);
  const { config } = loadPipelineText(yaml, {});
  const runtime = await createRuntime({ pipelines: [config], logger: createLogger({ level: 'debug' }), leaseMs: 2_000, overviewMetrics: false, signal: stopping.signal });
  const streamer = createStreamer(runtime.deps, { ...FAST_STREAMER, apply });
  const running = streamer.run();
  while (!stopping.signal.aborted) await Promise.race([sleep(60_000, stopping.signal), running]);
  await streamer.stop();
  await running;
  await runtime.close();
  // As the service itself does: kafkajs leaves a socket and its timers behind when it is closed while its broker is away.
  process.exit(0);
}

/** The parent says where to be struck next; at most one place at a time, and only with a batch in hand that brings rows. */
function awaitAmbush(marker: string): ApplyBatch {
  let next: StreamerAmbush | null = null;
  const inHand = new AsyncLocalStorage<AbortSignal | null>();
  process.on('message', (message) => {
    next = message as StreamerAmbush;
    process.send?.('laid');
  });
  setFailpointHandler(async (name) => {
    const lost = inHand.getStore() ?? null;
    if (next === null || name !== next.failpoint || lost === null) return;
    const { signal } = next;
    next = null;
    // On disk before the signal: the note is what proves where the process was.
    note(marker, name);
    if (signal !== 'hold') {
      process.kill(process.pid, signal);
      return;
    }
    if (!lost.aborted) await once(lost, 'abort');
    note(gaveWayFile(marker), name);
  });
  return (context, taken) => inHand.run(taken.batch.events.some((event) => event.op !== 'counter') ? context.signal : null, () => applyBatch(context, taken));
}

function note(at: string, text: string): void {
  const file = openSync(at, 'w');
  writeSync(file, text);
  fsyncSync(file);
  closeSync(file);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
