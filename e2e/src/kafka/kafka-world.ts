import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openKafka, type KafkaClient } from '@elstream/change-stream-kafka';
import { loadPipelineText, type KafkaStream } from '@elstream/config';
import type { Run } from '@elstream/control';
import type { Service } from '@elstream/core';
import { createPlanner, createStreamer, createTaskWorker, type PipelineHandle, type StreamerOptions } from '@elstream/replication';
import { createRuntime, type Runtime } from '@elstream/runtime';
import { capturingLogger, createTestDatabase, eventually, expectSameRows, SeededRandom, testKafka, type CapturingLogger, type TestDatabase, type TestKafka } from '@elstream/testing';
import { deliveredSince, endsOf, type Delivered } from './delivered';
import { createRecordedTables, RecordedWriter, spelledDoc, spelledVersion, TABLES, type RecordedTable } from './recorded-writer';
import { StreamerProcess } from './streamer-process';
import { FAST_STREAMER } from './streamer-settings';

/** How long a run or the stream may take on a busy machine. */
const WAIT_MS = 240_000;
/** As short as brokers allow: `group.min.session.timeout.ms`. */
export const SESSION_MS = 6_000;
const DROP_MS = 20_000;

export interface KafkaWorldOptions {
  /** Servers of one's own, to be killed; default: those shared by all suites. */
  readonly kafka?: TestKafka;
  /** For the writer. */
  readonly seed?: string;
  /** Rows of `doc` at the beginning, three times as many of `line`. */
  readonly docs?: number;
  /** YAML of a mapping's inside, `a: 1, b: 2`: added to `stream` (a setting of ours is overridden by leaving it out there). */
  readonly stream?: string;
  /** Silence after which a streamer's partitions are given to others. */
  readonly sessionTimeoutMs?: number;
  /** YAML at the end of the file. */
  readonly more?: string;
  /** Partitions of each table's topic. */
  readonly partitions?: number;
}

/**
 * A PostgreSQL source that Debezium captures, a Kafka, and a warehouse: planner, preload and validation in this process,
 * streamers in processes of their own (`streamer`) or here (`streamHere`). A writer with a recorded model changes the source.
 */
export class KafkaWorld implements AsyncDisposable {
  private readonly folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-kafka-world-'));
  private readonly streamers: StreamerProcess[] = [];
  private readonly here = new Set<Service>();
  private readonly running: Promise<unknown>;
  private client: Promise<KafkaClient> | undefined;
  private base: Readonly<Record<RecordedTable, number>> = { doc: 0, line: 0 };
  private since: Readonly<Record<RecordedTable, ReadonlyMap<number, bigint>>> = { doc: new Map(), line: new Map() };
  readonly source: TestDatabase;
  readonly warehouse: TestDatabase;
  /** The pipeline file. */
  readonly yaml: string;
  readonly writer: RecordedWriter;

  private constructor(
    made: { readonly source: TestDatabase; readonly warehouse: TestDatabase; readonly yaml: string; readonly random: SeededRandom },
    readonly runtime: Runtime,
    readonly logger: CapturingLogger,
    private readonly services: readonly Service[],
  ) {
    ({ source: this.source, warehouse: this.warehouse, yaml: this.yaml } = made);
    this.writer = new RecordedWriter(this.source, made.random);
    this.running = Promise.all(services.map((service) => service.run()));
    this.running.catch(() => undefined);
  }

  /** Databases with their tables; nothing is captured yet, no streamer runs. */
  static async open(options: KafkaWorldOptions = {}): Promise<KafkaWorld> {
    const { brokers, connectUrl } = options.kafka ?? (await testKafka());
    const source = await createTestDatabase('ksrc');
    const warehouse = await createTestDatabase('kwh');
    await createRecordedTables(source, options.docs ?? 300);
    const yaml = `
name: k${source.name.slice(-10)}
source: { url: '${source.url}', transactionWaitMs: 20s }
warehouse: { url: '${warehouse.url}' }
stream:
  { type: kafka, brokers: '${brokers}', connect: { url: '${connectUrl}' }, partitions: ${String(options.partitions ?? 3)}, sessionTimeout: ${String(options.sessionTimeoutMs ?? SESSION_MS)}, counterIntervalMs: 300, maxBatchEvents: 400, lingerMs: 10${options.stream === undefined ? '' : `, ${options.stream}`} }
defaults: { chunkRows: 200 }
validate: { maxRereads: 3 }
tables:
  include: ['public.*']
  settings: [{ match: public.doc, history: derived }]
${options.more ?? ''}`;
    const logger = capturingLogger();
    const runtime = await createRuntime({ pipelines: [loadPipelineText(yaml, {}).config], logger, overviewMetrics: false });
    const backoff = { minMs: 50, maxMs: 500 };
    const services = [
      createTaskWorker(runtime.deps, 'preload', { concurrency: 2, backoff }),
      createTaskWorker(runtime.deps, 'validate', { concurrency: 1, backoff }),
      createPlanner(runtime.deps, { activeMs: 50, idleMs: 200, alone: true }),
    ];
    const random = new SeededRandom(options.seed ?? process.env['ELSTREAM_TEST_SEED'] ?? 'kafka');
    return new KafkaWorld({ source, warehouse, yaml, random }, runtime, logger, services);
  }

  /** The same with so many streamer processes, everything preloaded and live, and a writer that may begin. */
  static async live(streamers: number, options: KafkaWorldOptions = {}): Promise<KafkaWorld> {
    const world = await KafkaWorld.open(options);
    try {
      for (let n = 0; n < streamers; n += 1) world.streamer();
      await world.preload();
      await Promise.all(world.processes.map((streamer) => streamer.reads()));
      await world.record();
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  get pipeline(): PipelineHandle {
    const [name = ''] = this.runtime.registry.names();
    return this.runtime.registry.get(name);
  }

  /** The settings of its stream, defaults filled in. */
  get stream(): KafkaStream {
    const [config] = this.runtime.configs;
    if (config?.stream.type !== 'kafka') throw new Error('not a pipeline over Kafka');
    return config.stream;
  }

  topicOf(table: RecordedTable): string {
    return `${this.stream.topicPrefix}.public.${table}`;
  }

  /** The end of all partitions of the table's topic, together: whatever is written lies below, committed or not. */
  async endOffset(table: RecordedTable): Promise<bigint> {
    return (await (await this.kafka()).offsets(this.topicOf(table))).reduce((sum, { end }) => sum + end, 0n);
  }

  /** What capture has written of the table since `record`. */
  async delivered(table: RecordedTable): Promise<Delivered> {
    return deliveredSince(await this.kafka(), this.topicOf(table), this.since[table]);
  }

  private kafka(): Promise<KafkaClient> {
    return (this.client ??= openKafka({ brokers: this.stream.brokers, clientId: 'elstream-test' }));
  }

  /** All streamer processes that there were, in the order of their beginnings. */
  get processes(): readonly StreamerProcess[] {
    return this.streamers;
  }

  /** A further streamer in a process of its own. */
  streamer(): StreamerProcess {
    const streamer = new StreamerProcess(this.yaml, path.join(this.folder, String(this.streamers.length)));
    this.streamers.push(streamer);
    return streamer;
  }

  /** A streamer in this process, with `stop`. */
  streamHere(options: Partial<StreamerOptions> = {}): Service {
    const streamer = createStreamer(this.runtime.deps, { ...FAST_STREAMER, ...options });
    this.here.add(streamer);
    streamer.run().catch(() => undefined);
    return streamer;
  }

  /** Starts a run of all tables and awaits its good end: they are live then. */
  async preload(): Promise<Run> {
    const { id } = await this.runtime.store.createRun({ pipeline: this.pipeline.name, reason: 'initial', tables: [] });
    return this.runEnds(id);
  }

  async runEnds(id: string): Promise<Run> {
    const ended = async (): Promise<Run | false> => {
      const found = await this.runtime.store.readRun(id);
      return found !== null && found.finishedAt !== null && found;
    };
    const run = await this.awaits('the end of the run', ended);
    if (run === false || run.state !== 'succeeded') throw new Error(`run ${run === false ? 'unknown' : `${run.state}: ${run.error ?? ''}`}\n${this.logs()}`);
    return run;
  }

  /** From now on the writer is at its record, and applied events are counted. Nothing has been written by others since. */
  async record(): Promise<void> {
    await this.caughtUp();
    this.base = await this.eventsApplied();
    const kafka = await this.kafka();
    this.since = { doc: await endsOf(kafka, this.topicOf('doc')), line: await endsOf(kafka, this.topicOf('line')) };
    await this.writer.begin();
  }

  /** Waits until everything that has committed at the source is applied. */
  async caughtUp(): Promise<void> {
    const { pipeline } = this;
    const end = await (await pipeline.source()).endOfLog();
    const stream = await pipeline.stream();
    await stream.raiseCounter(() => this.runtime.store.nextCounter(pipeline.name));
    await this.awaits('the stream passes the end of the log', async () => {
      const error = (await this.runtime.store.readPipeline(pipeline.name))?.streamError ?? null;
      if (error !== null) throw new Error(`the stream stopped: ${error}`);
      const mark = await stream.mark(end);
      return mark?.reachedBy(await pipeline.warehouse.readCheckpoints(pipeline.name)) === true;
    });
  }

  /** The same, with no run at work and none to come: what a log gap asks for is done. */
  async settled(): Promise<void> {
    await this.awaits('no run at work', async () => (await this.runtime.store.readRuns({ pipeline: this.pipeline.name, states: ['pending', 'running'], limit: 1 })).length === 0 && (await this.pipeline.warehouse.readTableStates(this.pipeline.name)).every((state) => state.phase === 'live' && state.stale === null));
    await this.caughtUp();
  }

  /** Also what capture has left out where it began again is made good: nothing is parked, and no run is at work. */
  async healed(): Promise<void> {
    await this.caughtUp();
    await this.awaits('no dead letter being parked', async () => (await this.runtime.store.countDeadLetters(this.pipeline.name)).every(({ state, count }) => state !== 'parked' || count === 0));
    await this.settled();
  }

  /** Runs that answered a log gap. */
  async gapRuns(): Promise<Run[]> {
    return (await this.runtime.store.readRuns({ pipeline: this.pipeline.name, limit: 100 })).filter((run) => run.reason === 'log-gap');
  }

  async eventsApplied(): Promise<Record<RecordedTable, number>> {
    const states = await this.pipeline.warehouse.readTableStates(this.pipeline.name);
    const of = (table: RecordedTable): number => states.find((state) => state.table === `public.${table}`)?.eventsApplied ?? 0;
    return { doc: of('doc'), line: of('line') };
  }

  /** Events applied since `record`. */
  async eventsSince(): Promise<Record<RecordedTable, number>> {
    const now = await this.eventsApplied();
    return { doc: now.doc - this.base.doc, line: now.line - this.base.line };
  }

  /** Every table row by row, both ways; what the writer remembers of its rows too. @returns the number of rows */
  async expectSameRows(): Promise<number> {
    let rows = 0;
    for (const { table, columns } of TABLES) rows += await expectSameRows({ url: this.source.url, table, columns }, { url: this.warehouse.url, table, columns });
    const docs = await this.warehouse.query<{ id: number; title: string; body: string | null }>('SELECT id::int, title, body FROM doc');
    expectSame('rows', docs.map(spelledDoc), this.writer.rows);
    return rows;
  }

  /**
   * Rows, each superseded version once, each event applied once, and no log gap. What Debezium has left out (the second
   * halves of key changes) no event tells: such rows stand, but versions of theirs may be missing in history. Where it could
   * not be told which rows it may have left out the table was preloaded again: history then has versions besides, all of them marked approximate.
   */
  async expectExact(): Promise<Exact> {
    await this.expectNoGap();
    const rows = await this.expectSameRows();
    const [applied, doc, line] = [await this.eventsSince(), await this.delivered('doc'), await this.delivered('line')];
    expectCounts('applied', applied, 'delivered', { doc: doc.events, line: line.events });
    expectCounts('delivered and left out', { doc: doc.events + doc.halves.length, line: line.events + line.halves.length }, 'written', this.writer.events);
    const kept = await this.warehouse.query<Parameters<typeof spelledVersion>[0] & { readonly marked: boolean }>('SELECT id::int, title, body, deleted, __elstream_approximate AS marked FROM doc_archive');
    const isWhole = (version: string): boolean => !doc.halves.some((key) => version.startsWith(`[${String((JSON.parse(key) as { id: number }).id)},`));
    const reloads = (await this.runtime.store.readRuns({ pipeline: this.pipeline.name, limit: 1_000 })).filter(({ reason }) => reason === 'reload');
    const besides = reloads.some(({ tables }) => tables.includes('public.doc'));
    const spelled = (mayDiffer: boolean): string[] => kept.filter(({ marked }) => (besides && marked) === mayDiffer).map(spelledVersion).filter(isWhole);
    expectSame('history', spelled(false), this.writer.superseded.filter(isWhole), spelled(true));
    return { rows, leftOut: doc.halves.length + line.halves.length, reloads: reloads.length };
  }

  /** Throws with the reasons that were given for log gaps, if there were any. */
  async expectNoGap(): Promise<void> {
    const gaps = await this.gapRuns();
    if (gaps.length === 0) return;
    const reasons = this.processes.flatMap(({ log }) => log.split('\n').filter((line) => /log gap/.test(line)));
    throw new Error(`a log gap was declared\n${reasons.join('\n')}\n${this.logs()}`);
  }

  private async awaits<T>(describe: string, probe: () => Promise<T>): Promise<T> {
    try {
      return await eventually(probe, { timeoutMs: WAIT_MS, intervalMs: 100, describe, unlessFails: Promise.race([this.running, this.writer.done.then(() => new Promise(() => undefined))]) });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${this.logs()}`, { cause: error });
    }
  }

  /** The ends of all logs. */
  logs(chars = 3_000): string {
    return [`--- here\n${this.logger.text().slice(-chars)}`, ...this.streamers.map((s, i) => `--- streamer ${String(i)}${s.alive ? '' : ' (ended)'}\n${s.log.slice(-chars)}`)].join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.writer.rest().catch(() => undefined);
    await Promise.all(this.streamers.map((streamer) => streamer.kill()));
    await Promise.all([...this.here, ...this.services].map((service) => service.stop()));
    await this.running;
    // Best effort: servers of the suite's own may be gone.
    const dropped = this.pipeline.stream().then((stream) => stream.drop());
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([dropped.catch(() => undefined), new Promise((resolve) => (timer = setTimeout(resolve, DROP_MS)))]);
    clearTimeout(timer);
    await this.client?.then((client) => client.close()).catch(() => undefined);
    await this.runtime.close();
    await this.source.drop();
    await this.warehouse.drop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Exact {
  readonly rows: number;
  /** Events that Debezium never wrote. */
  readonly leftOut: number;
  /** Runs that preloaded a table again for it. */
  readonly reloads: number;
}

function expectCounts(what: string, found: Readonly<Record<RecordedTable, number>>, than: string, wanted: Readonly<Record<RecordedTable, number>>): void {
  if (found.doc !== wanted.doc || found.line !== wanted.line) throw new Error(`events ${what} ${JSON.stringify(found)}, ${than} ${JSON.stringify(wanted)}`);
}

/** As multisets; says the first that differ. `besides`: may be wanted, or not. */
function expectSame(what: string, found: readonly string[], wanted: readonly string[], besides: readonly string[] = []): void {
  const left = new Map<string, number>();
  for (const one of wanted) left.set(one, (left.get(one) ?? 0) + 1);
  const isWanted = (one: string): boolean => {
    const n = left.get(one) ?? 0;
    if (n > 0) left.set(one, n - 1);
    return n > 0;
  };
  const extra = found.filter((one) => !isWanted(one));
  besides.forEach(isWanted);
  const missing = [...left].flatMap(([one, n]) => Array.from({ length: n }, () => one));
  if (extra.length + missing.length === 0) return;
  const some = (lines: readonly string[]): string => lines.slice(0, 5).map((line) => `\n    ${line.slice(0, 200)}`).join('');
  throw new Error(`${what}: ${String(extra.length)} that should not be${some(extra)}\n  ${String(missing.length)} missing${some(missing)}`);
}
