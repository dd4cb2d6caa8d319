import 'reflect-metadata';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { loadServiceSettings } from '@elstream/config';
import { describeError, sleep } from '@elstream/core';
import { createLogger } from '@elstream/observability';
import { Cleanup } from './cleanup';
import { type DemoResult, runDemo } from './demo';
import { type DemoOptions, parseOptions, USAGE } from './options';
import { Output } from './output';
import { isEqualAndHealed, resultLine, summary } from './summary';

/** A demonstration that hangs is a failed one; on a busy machine it takes some minutes, with many processes to start more. */
const LIMIT_MS = { standalone: 290_000, services: 400_000, kafka: 1_200_000 };

/** Java takes its time to start. */
const SETTLE_MS = { direct: 5_000, kafka: 60_000 };

interface Frame {
  readonly folder: string;
  readonly logFile: string;
  readonly stopping: AbortController;
  readonly cleanup: Cleanup;
}

async function main(): Promise<number> {
  let options: DemoOptions | null;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n\n${USAGE}\n`);
    return 2;
  }
  if (options === null) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const out = new Output(process.stderr.isTTY);
  const frame = openFrame();
  const limitMs = LIMIT_MS[options.stream === 'kafka' ? 'kafka' : options.services ? 'services' : 'standalone'];
  const limit = setTimeout(() => frame.stopping.abort(new Error(`not done after ${String(limitMs / 1000)} s`)), limitMs);
  let result: DemoResult | null = null;
  let failure: string | null = null;
  try {
    result = await attempt(options, out, frame);
    for (const text of summary(result)) out.line(text);
  } catch (error) {
    failure = describeError(frame.stopping.signal.aborted ? frame.stopping.signal.reason : error);
  }
  clearTimeout(limit);
  for (const problem of await frame.cleanup.run()) out.line(`while cleaning up: ${problem}`);
  rmSync(frame.folder, { recursive: true, force: true, maxRetries: 5 });
  if (result !== null && failure === null && isEqualAndHealed(result)) rmSync(frame.logFile, { force: true });
  else out.line(`${failure === null ? '' : `the demonstration failed: ${failure}\n`}the log of this run: ${frame.logFile}`);
  const seconds = out.elapsedMs / 1000;
  out.line(result === null ? JSON.stringify({ demo: 'failed', seconds: Math.round(seconds * 10) / 10, error: failure }) : resultLine(result, seconds));
  return result !== null && isEqualAndHealed(result) ? 0 : 1;
}

/** A folder of this run alone, and a log beside it that outlives a failure. */
function openFrame(): Frame {
  const { varDir } = loadServiceSettings(process.env, 'standalone');
  mkdirSync(varDir, { recursive: true });
  const folder = mkdtempSync(path.join(path.resolve(varDir), 'demo-'));
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopping.abort(new Error(`stopped by ${name}`)));
  return { folder, logFile: `${folder}.log`, stopping, cleanup: new Cleanup() };
}

async function attempt(options: DemoOptions, out: Output, { folder, logFile, stopping, cleanup }: Frame): Promise<DemoResult> {
  const logger = createLogger({ stream: createWriteStream(logFile), fields: { service: 'demo' } });
  const aborted = new Promise<never>((_, reject) => {
    stopping.signal.addEventListener('abort', () => reject(stopping.signal.reason as Error), { once: true });
  });
  aborted.catch(() => undefined);
  const demo = runDemo({ options, folder, logFile, out, logger, cleanup, signal: stopping.signal });
  demo.catch(() => undefined);
  try {
    return await Promise.race([demo, aborted]);
  } finally {
    // A step that cannot be broken off (a server's start, a seed) hands over what it started before the clean-up begins.
    await Promise.race([demo.then(() => undefined, () => undefined), sleep(SETTLE_MS[options.stream])]);
  }
}

void main().then((code) => process.exit(code));
