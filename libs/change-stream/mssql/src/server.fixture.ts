import { ElstreamError, silentLogger, type TableMapping } from '@elstream/core';
import { type Mssql, type MssqlParams, type TSqlSession } from '@elstream/database';
import { type CaptureSource } from '@elstream/change-stream';
import { captureOn, type MssqlCaptureOptions } from './mssql-capture';
import * as s from './statements';

interface Instance {
  schema: string;
  table: string;
  instance: string;
  object: number;
  created: string;
  /** Null until the capture job has come upon the instance. */
  start: Buffer | null;
  least: Buffer | null;
  role: string | null;
  dropping: boolean;
  columns: string[];
}

export const lsn = (n: number): Buffer => Buffer.from(n.toString(16).padStart(20, '0'), 'hex');
type Row = Record<string, unknown>;

/**
 * As much of a SQL Server as capture asks for, in memory: no server that we can run has CDC. It knows our statements by
 * their text, so that one it was not taught fails the test.
 */
export class FakeServer {
  cdc = false;
  sysadmin = true;
  owner = true;
  logWait = 'NOTHING';
  identity = { system: 'family', fork: 'fork' };
  /** The capture job takes up what commits. */
  job = true;
  agent = 'Running';
  retention = 4320;
  ageS: number | null = 2;
  neededS: number | null = 60;
  now = 100;
  newest: number | null = null;
  readonly tables = new Map<string, { columns: { name: string; computed: boolean }[]; temporal: number }>();
  instances: Instance[] = [];
  /** Null: no such table. */
  counters: Map<string, { value: bigint; capture: string | null }> | null = null;
  counterHasCapture = true;
  usable = true;
  /** What changed something, in order. */
  readonly done: string[] = [];
  private objects = 1_000;
  private readonly unread: (() => void)[] = [];

  addTable(id: string, columns: readonly string[], more: { computed?: string; temporal?: number } = {}): void {
    this.tables.set(id, { columns: columns.map((name) => ({ name, computed: name === more.computed })), temporal: more.temporal ?? 0 });
  }

  enable(schema: string, table: string, instance: string, role: string | null = null): Instance {
    const start = this.commit();
    const columns = (this.tables.get(`${schema}.${table}`)?.columns ?? []).map(({ name }) => name);
    const made = { schema, table, instance, object: (this.objects += 1), created: `2026-01-01T00:${String(this.objects)}`, start: lsn(start), least: lsn(start), role, dropping: false, columns };
    this.instances.push(made);
    return made;
  }

  /** As the server does it: the instance is there at once, and has no low endpoint until the capture job has read of it. */
  private enableSoon(schema: string, table: string, instance: string, role: string | null): void {
    const made = this.enable(schema, table, instance, role);
    const { start } = made;
    Object.assign(made, { start: null, least: null });
    this.unread.push(() => Object.assign(made, { start, least: start }));
  }

  private seen(): Row[] {
    const rows = this.instances.map(({ columns: _, ...row }) => row);
    if (this.job) for (const establish of this.unread.splice(0)) establish();
    return rows;
  }

  disable(instance: string): void {
    this.instances = this.instances.filter((found) => found.instance !== instance);
  }

  instanceOf(table: string): Instance {
    const found = this.instances.findLast((instance) => `${instance.schema}.${instance.table}` === table);
    if (found === undefined) throw new Error(`${table} is not captured`);
    return found;
  }

  commit(): number {
    this.now += 1;
    if (this.job && this.cdc) this.newest = this.now;
    return this.now;
  }

  capture(options: Partial<MssqlCaptureOptions> = {}): CaptureSource {
    const sql: Mssql = { ...this.gate(), lockMs: 1_000, session: (fn) => fn(this.gate()) };
    const given = { url: 'mssql://elstream:pw@h/db?encrypt=false', endpoint: { host: 'h', port: 1433 }, pipeline: 'p', applicationName: 'test', captureTimeoutMs: this.job ? 5_000 : 0, ...options };
    return captureOn(given, sql, { database: 'testDB', logger: silentLogger, destroy: () => Promise.resolve() });
  }

  private gate(): TSqlSession {
    const sets = (sql: string, params: MssqlParams = {}): Promise<Row[][]> => Promise.resolve().then(() => this.answer(sql, params));
    const never = (): never => {
      throw new Error('not expected');
    };
    return { sets, rows: async <R extends object>(sql: string, params?: MssqlParams) => ((await sets(sql, params))[0] ?? []) as R[], execute: async (sql, params) => (await sets(sql, params)).length, cells: never, batch: sets, bulk: never };
  }

  private answer(sql: string, params: MssqlParams): Row[][] {
    const facts = { database: 'testDB', user: 'elstream', captured: this.cdc, log_wait: this.logWait, sysadmin: Number(this.sysadmin), owner: Number(this.owner) };
    if (sql.includes('cdc.') && !this.cdc) throw new ElstreamError('DB_208', 'stop', 'Invalid object name');
    switch (sql) {
      case s.FACTS:
        return [[facts]];
      case s.INSTANCES:
        return [this.seen()];
      case `${s.INSTANCES}\n${s.CAPTURED_COLUMNS}`:
        return [this.seen(), this.instances.flatMap(({ object, columns }) => columns.map((name) => ({ object, name })))];
      case s.NEWEST:
        return [[{ newest: this.newest === null ? null : lsn(this.newest) }]];
      case s.CAPTURE_AGE:
        return [[{ seconds: this.ageS }]];
      case s.NEEDED_AGE:
        return [[{ seconds: this.neededS }]];
      case s.AGENT:
        return [[{ status: this.agent }]];
      case s.CAPTURE_ERRORS:
        throw new ElstreamError('DB_PRIVILEGE', 'stop', 'denied');
      case s.JOBS:
        return [[{ job_type: 'capture', retention: '0' }, { job_type: 'cleanup', retention: String(this.retention) }]];
      case s.CHANGE_BYTES:
        return [[{ bytes: '8192' }]];
      case s.LOG_BYTES:
        return [[{ bytes: '1000' }]];
      case s.LOCK:
        return [[{ result: 0 }]];
      case s.UNLOCK:
        return [];
      case s.TABLES:
        return [this.tableRows(JSON.parse(String(params['tables']?.value)) as { schema: string; name: string }[])];
      default:
        return this.change(sql, params);
    }
  }

  private tableRows(wanted: readonly { schema: string; name: string }[]): Row[] {
    return wanted.flatMap(({ schema, name }) => {
      const table = this.tables.get(`${schema}.${name}`);
      return (table?.columns ?? []).map((column) => ({ schema, table: name, temporal: table?.temporal, column: column.name, computed: column.computed }));
    });
  }

  private change(sql: string, params: MssqlParams): Row[][] {
    if (sql.includes('family_guid')) return [[this.identity]];
    if (sql.startsWith('SELECT c.name, TYPE_NAME')) return [this.counterColumns(), [{ usable: Number(this.usable) }]];
    if (sql.startsWith('SELECT pipeline')) return [[...(this.counters ?? [])].map(([pipeline, { value, capture }]) => ({ pipeline, value: String(value), capture }))];
    if (sql.includes('value = value +') && this.counters === null) return [[{ there: 0 }]];
    this.done.push(sql.replace(/^SET XACT_ABORT OFF; SET LOCK_TIMEOUT \d+; /, ''));
    this.apply(sql, params);
    return [[{ there: 1 }]];
  }

  private apply(sql: string, params: MssqlParams): void {
    const pipeline = String(params['pipeline']?.value);
    const enabled = /sp_cdc_enable_table @source_schema = N'(\w+)', @source_name = N'(\w+)', @role_name = (?:NULL|N'(\w+)'), @capture_instance = N'(\w+)'/.exec(sql);
    const disabled = /sp_cdc_disable_table .*@capture_instance = N'(\w+)'/.exec(sql);
    if (sql.includes('sp_cdc_enable_db')) this.cdc = true;
    else if (enabled !== null) this.enableSoon(enabled[1] ?? '', enabled[2] ?? '', enabled[4] ?? '', enabled[3] ?? null);
    else if (disabled !== null) this.disable(disabled[1] ?? '');
    else if (sql.includes('CREATE SCHEMA')) return;
    else if (sql.includes('CREATE TABLE')) this.makeCounters();
    else if (sql.includes('ADD capture')) this.counterHasCapture = true;
    else if (sql.includes('DELETE FROM')) this.counters?.delete(pipeline);
    else if (sql.includes('DROP TABLE')) this.counters = null;
    else if (sql.includes('value = value +')) this.raise(pipeline, BigInt(Number(params['step']?.value ?? 1)), params['capture']?.value as string | undefined);
    else throw new Error(`not taught: ${sql}`);
  }

  makeCounters(): void {
    this.counters = new Map();
    this.addTable('elstream.counter', ['pipeline', 'value', 'raised_at', 'capture']);
  }

  private counterColumns(): Row[] {
    if (this.counters === null) return [];
    const column = (name: string, type: string): Row => ({ name, type, required: Number(name !== 'capture'), keyed: Number(name === 'pipeline') });
    return [column('pipeline', 'nvarchar'), column('value', 'bigint'), column('raised_at', 'datetime2'), ...(this.counterHasCapture ? [column('capture', 'nvarchar')] : [])];
  }

  private raise(pipeline: string, step: bigint, capture: string | undefined): void {
    if (this.counters === null) throw new Error('there is no counter table');
    const row = this.counters.get(pipeline);
    this.counters.set(pipeline, { value: row === undefined ? 1_000n : row.value + step, capture: capture ?? row?.capture ?? null });
    this.commit();
  }
}

export function mapping(name: string, ...columns: readonly string[]): TableMapping {
  const source = { schema: 'dbo', name };
  return { id: `dbo.${name}`, source, target: source, key: [0], chunkRows: 1, columns: columns.map((column) => ({ source: column, target: column, type: { kind: 'integer', bits: 32 }, targetType: 'int', nullable: false, mask: null })) };
}
