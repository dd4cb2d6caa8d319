import { readFileSync } from 'node:fs';
import { loadPipelineText } from '@elstream/config';
import { type Logger, sleep } from '@elstream/core';
import { type Client } from 'pg';
import { startEmbeddedDatabases, withClient } from '../embedded';
import { inventoryPipeline } from '../paths';
import { seedSample } from '../sample';
import { startStandalone } from '../standalone';
import { AUDIT_SETTINGS, countAudit, createAudit, sourceClock, TABLES, type AuditCount } from './audit';
import { compareSides, Writer, type WriterTally } from './children';
import { type Cleanup } from './cleanup';
import { type Comparison } from './compare-main';
import { type DemoOptions, sampleSize } from './options';
import { catchUp, endOfRun, healthy, PIPELINE, POLL_MS, refuseFailed } from './follow';
import { heal, type Healed } from './heal';
import { type Output, whole } from './output';
import { type DifferenceLine, Rest } from './rest';
import { findKafkaFirst, startKafka } from './services/start-kafka';
import { startServices } from './services/start-services';

/** Nobody wants to wait ten seconds for the counter that shows that an idle source has nothing left. */
const SETTINGS = '\nstream: { counterIntervalMs: 500ms }\n';
/** The stream follows the writer when it is no further behind than this. */
const FOLLOWS_MS = 1_500;
const FOLLOW_WAIT_MS = 20_000;

export interface DemoResult {
  readonly mode: 'standalone' | 'services';
  readonly stream: DemoOptions['stream'];
  readonly comparison: Comparison;
  /** The product's own comparison, after the writer stopped. */
  readonly own: { readonly rows: number; readonly differences: number; readonly unverified: number; readonly examples: readonly DifferenceLine[] };
  readonly preload: Preload;
  readonly duringPreload: AuditCount;
  readonly total: AuditCount;
  readonly changesApplied: number;
  readonly catchUpMs: number;
  readonly writer: WriterTally;
  /** What the second part came to; null with `--damage-after`, which ends before it. */
  readonly healed: Healed | null;
}

export interface DemoContext {
  readonly options: DemoOptions;
  /** Of this run alone; removed by whoever made it. */
  readonly folder: string;
  /** Where services of their own processes write their log. */
  readonly logFile: string;
  readonly out: Output;
  readonly logger: Logger;
  readonly cleanup: Cleanup;
  readonly signal: AbortSignal;
}

/** The demonstration from empty databases to two comparisons. What it starts is handed to `cleanup` at once. */
export async function runDemo(context: DemoContext): Promise<DemoResult> {
  const { options, out, cleanup, signal } = context;
  if (options.stream === 'kafka') await findKafkaFirst(context);
  const urls = await startDatabases(context);
  const audit = await openAudit(urls.source, context);
  const product = await (options.services ? startProcesses(urls, context) : startOneProcess(urls, context));
  out.step(`elstream is up, driven through its API alone: ${product.urls.map((url) => `${url}/api/docs`).join(' and ')}`);
  const rest = new Rest(product, signal);

  const writer = await Writer.start(urls.source);
  cleanup.add(async () => writer.kill());
  const writingSince = performance.now();
  out.step('a writer in a process of its own changes the source from here on: inserts, updates, deletes, key changes, rollbacks');
  const failure = Promise.race([writer.failure, product.failure]);
  failure.catch(() => undefined);

  const preload = await Promise.race([followPreload(rest, audit, context), failure]);
  const duringPreload = await countAudit(audit, preload.from, preload.to);
  out.step(`preloaded ${whole(preload.rows)} rows in ${(preload.ms / 1000).toFixed(1)} s, while ${whole(duringPreload.changes)} changes were committed, ${whole(duringPreload.keyMoves)} of them key moves`);
  writer.calm();
  await Promise.race([validateWhileWriting(rest, preload.runId, context), failure]);
  await Promise.race([followWriter(rest, options.seconds * 1_000 - (performance.now() - writingSince), signal), failure]);

  const tally = await writer.stop();
  const stoppedAt = performance.now();
  out.step(`the writer has stopped: ${whole(tally.committed)} transactions committed, ${whole(tally.rolledBack)} rolled back, ${whole(tally.conflicts)} lost to conflicts`);
  await Promise.race([catchUp(rest, stoppedAt, signal), product.failure]);
  const catchUpMs = performance.now() - stoppedAt;
  out.step(`the stream has applied everything the writer committed, ${catchUpMs.toFixed(0)} ms after its end`);
  if (options.damageAfter) await damage(urls.warehouse, out);

  const comparison = await compareSides(urls.source, urls.warehouse, signal);
  out.step('a separate process has compared every table both ways with EXCEPT');
  const own = await Promise.race([compareOwn(rest, context), product.failure]);
  const healed = options.damageAfter || own.differences + own.unverified > 0 ? null : await Promise.race([heal(rest, urls, context), product.failure]);
  const final = healed === null ? comparison : await compareSides(urls.source, urls.warehouse, signal);
  if (healed !== null) out.step('the separate process has compared every table once more');
  const { eventsApplied } = await rest.pipeline(PIPELINE);
  return { mode: options.services ? 'services' : 'standalone', stream: options.stream, comparison: final, own, healed, preload, duringPreload, total: await countAudit(audit, '-infinity', 'infinity'), changesApplied: eventsApplied, catchUpMs, writer: tally };
}

interface Urls {
  readonly source: string;
  readonly warehouse: string;
}

/** The product, running. */
interface Product {
  readonly urls: readonly string[];
  readonly token: string | null;
  /** Rejects when something of it ends by itself. */
  readonly failure: Promise<never>;
}

async function startOneProcess({ source, warehouse }: Urls, { logger, signal, cleanup }: DemoContext): Promise<Product> {
  const yaml = `${readFileSync(inventoryPipeline, 'utf8')}${SETTINGS}`;
  const pipelines = [loadPipelineText(yaml, { SOURCE_URL: source, WAREHOUSE_URL: warehouse }).config];
  const standalone = await startStandalone({ pipelines, http: { host: '127.0.0.1', port: 0, token: null }, logger, signal });
  cleanup.add(() => standalone.close());
  return { urls: [standalone.url], token: null, failure: new Promise<never>(() => undefined) };
}

async function startProcesses({ source, warehouse }: Urls, context: DemoContext): Promise<Product> {
  const kafka = context.options.stream === 'kafka' ? await startKafka(context) : null;
  return startServices({ ...context, kafka, sourceUrl: source, warehouseUrl: warehouse });
}

async function startDatabases({ options, folder, out, logger, cleanup, signal }: DemoContext): Promise<Urls> {
  out.step('starting two PostgreSQL servers of our own, for the source and for the warehouse');
  const databases = await startEmbeddedDatabases({ folder, sides: ['source', 'warehouse'], logger, keep: false, sourceSettings: AUDIT_SETTINGS });
  cleanup.add(() => databases.stop());
  signal.throwIfAborted();
  const source = databases.urls.get('source') ?? '';
  const warehouse = databases.urls.get('warehouse') ?? '';
  out.line(`            source    ${source}`);
  out.line(`            warehouse ${warehouse}`);
  const rows = await seedSample(source, sampleSize(options.rows));
  signal.throwIfAborted();
  out.step(`seeded ${whole(rows)} rows over ${TABLES.join(', ')}`);
  return { source, warehouse };
}

/** A connection for the audit, open as long as the demonstration. */
async function openAudit(url: string, { cleanup, signal }: DemoContext): Promise<Client> {
  return new Promise<Client>((resolve, reject) => {
    const held = withClient(url, async (client) => {
      await createAudit(client);
      await new Promise<void>((release) => {
        cleanup.add(async () => {
          release();
          await held.catch(() => undefined);
        });
        resolve(client);
      });
    });
    held.catch(reject);
    signal.throwIfAborted();
  });
}

interface Preload {
  readonly runId: string;
  readonly rows: number;
  readonly ms: number;
  /** By the source's clock: after the first epoch was raised, and before the last table was finished. */
  readonly from: string;
  readonly to: string;
}

async function followPreload(rest: Rest, audit: Client, { out, signal }: DemoContext): Promise<Preload> {
  let run = await rest.startRun(PIPELINE);
  const began = performance.now();
  const progress = out.progress('preload', 'preload');
  let from: string | null = null;
  let to = '';
  try {
    for (;;) {
      // Asked before and after, so that neither end of the time counted lies outside the preload.
      const before = await sourceClock(audit);
      run = await rest.run(run.id);
      progress.show(run);
      refuseFailed(run);
      const { progress: tables } = run;
      if (from === null && tables.some((t) => t.phase !== 'new')) from = await sourceClock(audit);
      if (tables.length > 0 && tables.every((t) => t.phase === 'catching-up' || t.phase === 'live')) break;
      to = before;
      await sleep(POLL_MS, signal);
      signal.throwIfAborted();
    }
  } finally {
    progress.end();
  }
  const rows = run.progress.reduce((sum, t) => sum + t.preload.rows, 0);
  return { runId: run.id, rows, ms: performance.now() - began, from: from ?? to, to };
}

/** The run goes on: its tables become live and are compared, all the while the writer writes. */
async function validateWhileWriting(rest: Rest, runId: string, context: DemoContext): Promise<void> {
  const run = await endOfRun(rest, runId, context);
  const unsettled = run.unverified > 0 ? `, ${whole(run.unverified)} rows in flight each time they were looked at` : '';
  context.out.step(`all tables are live; compared ${whole(run.rowsCompared)} rows while they changed: ${whole(run.differences)} differences${unsettled}`);
}

/** Writes on for at least `leastMs`, and until the stream follows closely; on a slow machine it need not ever. */
async function followWriter(rest: Rest, leastMs: number, signal: AbortSignal): Promise<void> {
  const since = performance.now();
  for (;;) {
    const { lagMs } = await healthy(rest);
    const ms = performance.now() - since;
    if (ms >= leastMs && ((lagMs !== null && lagMs < FOLLOWS_MS) || ms >= leastMs + FOLLOW_WAIT_MS)) return;
    await sleep(POLL_MS, signal);
    signal.throwIfAborted();
  }
}

async function compareOwn(rest: Rest, context: DemoContext): Promise<DemoResult['own']> {
  const { id } = await rest.startRun(PIPELINE, ['validate']);
  const run = await endOfRun(rest, id, context);
  context.out.step(`elstream's own validation has compared ${whole(run.rowsCompared)} rows`);
  const examples = run.differences === 0 ? [] : await rest.differences(id);
  return { rows: run.rowsCompared, differences: run.differences, unverified: run.unverified, examples };
}

async function damage(warehouse: string, out: Output): Promise<void> {
  await withClient(warehouse, async (client) => {
    await client.query(`UPDATE inventory.customers SET last_name = 'damaged by --damage-after' WHERE id = (SELECT min(id) FROM inventory.customers)`);
  });
  out.step('--damage-after: one row of the warehouse was changed behind its back; both comparisons must find it');
}
