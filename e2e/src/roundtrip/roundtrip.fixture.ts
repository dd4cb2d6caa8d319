import { loadPipelineText } from '@elstream/config';
import type { Run } from '@elstream/control';
import { tableId, type Cell, type Service, type TableMapping } from '@elstream/core';
import { CANONICAL_SETTINGS, quoteName, quoteTable } from '@elstream/database';
import { createPlanner, createStreamer, createTaskWorker, type PipelineHandle, type RunOverview } from '@elstream/replication';
import { createRuntime, type Runtime } from '@elstream/runtime';
import { capturingLogger, createTestDatabase, eventually, type CapturingLogger, type TestDatabase } from '@elstream/testing';

/** How long a run or the stream may take on a busy machine; below the timeout of the tests (`SLOW_TEST_MS`). */
const WAIT_MS = 100_000;
export const SLOW_TEST_MS = 120_000;

/** One pipeline over two databases of its own, the whole product in this process but for HTTP. */
export class RoundTrip implements AsyncDisposable {
  private readonly running: Promise<unknown>;
  readonly source: TestDatabase;
  readonly warehouse: TestDatabase;

  private constructor(
    databases: { readonly source: TestDatabase; readonly warehouse: TestDatabase },
    readonly runtime: Runtime,
    readonly logger: CapturingLogger,
    private readonly services: readonly Service[],
  ) {
    ({ source: this.source, warehouse: this.warehouse } = databases);
    this.running = Promise.all(services.map((service) => service.run()));
    this.running.catch(() => undefined);
  }

  /**
   * Makes both databases, runs `setup` at the source, and starts a pipeline over all its tables.
   * @param more YAML of the pipeline file below `tables.include`
   */
  static async open(setup: readonly string[], more = ''): Promise<RoundTrip> {
    const source = await createTestDatabase('src');
    const warehouse = await createTestDatabase('wh');
    for (const sql of setup) await source.query(sql);
    const yaml = `
name: roundtrip-${source.name.slice(-10)}
source: { url: '${source.url}' }
warehouse: { url: '${warehouse.url}' }
stream: { counterIntervalMs: 60000, lingerMs: 10 }
validate: { maxRereads: 2 }
tables:
  include: ['*']
${more}`;
    const logger = capturingLogger();
    const runtime = await createRuntime({ pipelines: [loadPipelineText(yaml, {}).config], logger });
    const backoff = { minMs: 50, maxMs: 500 };
    const services = [
      createTaskWorker(runtime.deps, 'preload', { concurrency: 3, backoff }),
      createTaskWorker(runtime.deps, 'validate', { concurrency: 2, backoff }),
      createStreamer(runtime.deps, { pollMs: 200, backoff }),
      createPlanner(runtime.deps, { activeMs: 30, idleMs: 200, alone: true }),
    ];
    return new RoundTrip({ source, warehouse }, runtime, logger, services);
  }

  get pipeline(): PipelineHandle {
    const [name = ''] = this.runtime.registry.names();
    return this.runtime.registry.get(name);
  }

  /** Runs prepare, preload and validation to their end; the tables are live then. Throws with the run's error if it fails. */
  async preload(): Promise<RunOverview> {
    const { id } = await this.runtime.store.createRun({ pipeline: this.pipeline.name, reason: 'initial', tables: [] });
    const ended = async (): Promise<Run | false> => {
      const found = await this.runtime.store.readRun(id);
      return found !== null && found.finishedAt !== null && found;
    };
    const run = await eventually(ended, {
      timeoutMs: WAIT_MS,
      intervalMs: 50,
      describe: 'the end of the run',
      unlessFails: this.running,
    });
    if (run === false || run.state !== 'succeeded') throw new Error(`run ${run === false ? 'unknown' : `${run.state}: ${run.error ?? ''}`}\n${this.logger.text().slice(-3_000)}`);
    return this.runtime.overview.run(id);
  }

  /** Runs SQL at the source, each string a transaction of its own, then waits until the stream has applied all of it. */
  async stream(...transactions: readonly string[]): Promise<void> {
    for (const sql of transactions) await this.source.query(sql);
    await this.caughtUp();
  }

  async caughtUp(): Promise<void> {
    const { pipeline } = this;
    const source = await pipeline.source();
    const end = await source.endOfLog();
    const stream = await pipeline.stream();
    await stream.raiseCounter(() => this.runtime.store.nextCounter(pipeline.name));
    const passed = eventually(async () => {
      const mark = await stream.mark(end);
      return (await this.streamError()) !== null || mark?.reachedBy(await pipeline.warehouse.readCheckpoints(pipeline.name)) === true;
    }, { timeoutMs: WAIT_MS, intervalMs: 20, describe: 'the stream passes the end of the log', unlessFails: this.running });
    await passed;
    const error = await this.streamError();
    if (error !== null) throw new Error(`the stream stopped: ${error}`);
  }

  async streamError(): Promise<string | null> {
    return (await this.runtime.store.readPipeline(this.pipeline.name))?.streamError ?? null;
  }

  async mapping(table: string): Promise<TableMapping> {
    const mapping = (await this.pipeline.mappings()).get(table);
    if (mapping === undefined) throw new Error(`no table ${table} among ${[...(await this.pipeline.mappings()).keys()].join(', ')}`);
    return mapping;
  }

  /**
   * What differs between source and warehouse in a table, as short lines; empty: nothing. Looked at twice: by plain
   * queries of the stored text, and by the reads that validation uses. Masked columns are left out of the first.
   */
  async differences(table: string): Promise<string[]> {
    const mapping = await this.mapping(table);
    const plain = mapping.columns.filter((c) => c.mask === null);
    const names = plain.map((c) => c.target);
    const source = await storedText(this.source, `SELECT ${plain.map((c) => quoteName(c.source)).join(', ')} FROM ${quoteTable(mapping.source)}`);
    const warehouse = await storedText(this.warehouse, `SELECT ${plain.map((c) => quoteName(c.target)).join(', ')} FROM ${quoteTable(mapping.target)}`);
    const key = mapping.key.map((index) => plain.indexOf(mapping.columns[index] as (typeof plain)[number]));
    const keys = source.map((row) => key.map((i) => row[i] ?? ''));
    const bySource = await (await this.pipeline.source()).readByKeys(mapping, keys);
    const byWarehouse = (await this.pipeline.warehouse.readByKeys(mapping, keys)).map((found) => found.row);
    const all = mapping.columns.map((c) => c.target);
    return [
      ...compare({ table, names, key }, source, warehouse),
      ...compare({ table: `${table} (by key)`, names: all, key: mapping.key }, bySource, byWarehouse),
      ...(bySource.length === source.length ? [] : [`${table}: ${String(source.length)} keys find ${String(bySource.length)} rows`]),
    ];
  }

  /** The stored text of a query's rows at the warehouse, sorted. */
  async atWarehouse(sql: string): Promise<Cell[][]> {
    return (await storedText(this.warehouse, sql)).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }

  async tables(): Promise<string[]> {
    return [...(await this.pipeline.mappings()).keys()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.services.map((service) => service.stop()));
    await this.running;
    await this.runtime.close();
    await this.source.drop();
    await this.warehouse.drop();
  }
}

export const idOf = (name: string, schema = 'public'): string => tableId({ schema, name });

/** Rows as the server prints them, without any parsing. */
async function storedText(db: TestDatabase, sql: string): Promise<Cell[][]> {
  const client = await db.client();
  try {
    // all but the path: tests write names without their schema
    for (const [name, value] of Object.entries({ ...CANONICAL_SETTINGS, search_path: 'public' })) await client.query('SELECT set_config($1, $2, false)', [name, value]);
    const types = { getTypeParser: () => (value: unknown) => value };
    return (await client.query<Cell[]>({ text: sql, rowMode: 'array', types })).rows;
  } finally {
    await client.end();
  }
}

interface Compared {
  readonly table: string;
  readonly names: readonly string[];
  readonly key: readonly number[];
}

const short = (cell: Cell | undefined): string => (cell === undefined ? 'no row' : cell === null ? 'NULL' : JSON.stringify(cell.length > 60 ? `${cell.slice(0, 60)}… (${String(cell.length)})` : cell));

function compare({ table, names, key }: Compared, source: readonly (readonly Cell[])[], warehouse: readonly (readonly Cell[])[]): string[] {
  const id = (row: readonly Cell[]): string => JSON.stringify(key.map((i) => row[i]));
  const at = `${table} ${key.map((i) => names[i] ?? '?').join(',')}`;
  const standing = new Map(warehouse.map((row) => [id(row), row]));
  const lines: string[] = [];
  for (const row of source) {
    const other = standing.get(id(row));
    standing.delete(id(row));
    if (other === undefined) lines.push(`${at} ${id(row).slice(0, 200)}: missing`);
    else lines.push(...row.flatMap((cell, i) => (cell === other[i] ? [] : [`${at} ${id(row).slice(0, 200)}: ${names[i] ?? '?'} is ${short(other[i])}, not ${short(cell)}`])));
  }
  lines.push(...[...standing.keys()].map((extra) => `${at} ${extra.slice(0, 200)}: extra`));
  if (lines.length === 0 && source.length !== warehouse.length) lines.push(`${table}: ${String(warehouse.length)} rows, not ${String(source.length)}`);
  return lines;
}
