import { type CaptureEndpoint, type CaptureSource, type CaptureSourceStatus } from '@elstream/change-stream';
import { ElstreamError, LogPosition, silentLogger, sleep, tableId, type Logger, type SourceIdentity, type TableMapping, type TableName } from '@elstream/core';
import { connectMssql, DEFAULT_TIMEOUTS, mssqlOf, readMssqlIdentity, type Mssql, type TSql, type TSqlSession } from '@elstream/database';
import { readFacts, readInstances, readNewest, readTables, type CaptureInstance, type DatabaseFacts } from './catalog';
import { readBudgetWarning, readCaptureTrouble, readRetainedBytes } from './capture-health';
import { connectorEndpoint } from './connector-endpoint';
import { COUNTER_TABLE, deleteCounter, dropCounter, ensureCounter, raiseCounter, readCounters, recordCapture, type Counter, type CounterRow } from './counter-table';
import { instancesOf, isOurs, planInstances, supersededInstance, wantedCounter, wantedTable, type WantedTable } from './instance-plan';
import { cleanedUpTo, isEstablished, isRecorded, recordOf, recordTrouble, type EstablishedInstance, type RecordedCapture } from './record';
import { refuseWithout, withRights } from './source-rights';
import * as statements from './statements';

export interface MssqlCaptureOptions {
  /**
   * `mssql://user:password@host:port/database?encrypt=true&trustServerCertificate=true` of the primary, also the connector's
   * login. A sysadmin needs nothing prepared, db_owner a database with CDC, others have a DBA run what `prepare` asks for. Never logged.
   */
  readonly url: string;
  /** The source's address as seen from Kafka Connect. */
  readonly endpoint: { readonly host: string; readonly port: number };
  /** Whose row of the counter table is raised. */
  readonly pipeline: string;
  /** Default elstream.counter. Shared by the pipelines of a source. */
  readonly counterTable?: TableName;
  /** Gates the capture instances that we make; made by SQL Server if it is not there. Null: everybody who may read the table. Default elstream_cdc. */
  readonly role?: string | null;
  /** Shown in sys.dm_exec_sessions. */
  readonly applicationName: string;
  /** How long `prepare` waits until the capture job has taken up what it wrote, ms; default 60,000. */
  readonly captureTimeoutMs?: number;
  /** How long a statement may wait for a lock, ms: enabling a table needs one on its schema; default 10,000. */
  readonly lockTimeoutMs?: number;
  /** How long a raise of the counter may wait for a lock, ms; default 2,000. */
  readonly counterTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly logger?: Logger;
}

export const DEFAULT_ROLE = 'elstream_cdc';
const CONNECTIONS = 4;
/** Between two looks at what the capture job has done. */
const [FIRST_POLL_MS, LAST_POLL_MS] = [20, 500];

/**
 * What we do at a SQL Server source (2017 or later) that a Debezium connector reads through CDC. Connects at once, for the
 * catalog. Throws a classified `ElstreamError`.
 */
export async function createMssqlCapture(options: MssqlCaptureOptions): Promise<CaptureSource> {
  const { url, applicationName, connectTimeoutMs = 10_000, logger = silentLogger } = options;
  const dataSource = await connectMssql({ url, applicationName, maxConnections: CONNECTIONS, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs, logger });
  try {
    const sql = mssqlOf(dataSource);
    const { database } = await readFacts(sql);
    return captureOn(options, sql, { database, logger, destroy: () => dataSource.destroy() });
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
}

/** The same on a connection that is there. */
export function captureOn(options: MssqlCaptureOptions, sql: Mssql, connected: Connected): CaptureSource {
  return new MssqlCapture(options, sql, connected);
}

export interface Connected {
  readonly database: string;
  readonly logger: Logger;
  readonly destroy: () => Promise<void>;
}

class MssqlCapture implements CaptureSource {
  readonly endpoint: CaptureEndpoint;
  /** Debezium finds capture instances by their tables. */
  readonly names: Readonly<Record<string, string>> = {};
  readonly counter: { readonly schema: string; readonly table: string };
  private readonly row: Counter;
  private readonly logger: Logger;
  private readonly lockMs: number;
  private closed = false;

  constructor(
    private readonly options: MssqlCaptureOptions,
    private readonly sql: Mssql,
    private readonly connected: Connected,
  ) {
    const table = options.counterTable ?? COUNTER_TABLE;
    this.row = { table, pipeline: options.pipeline };
    this.counter = { schema: table.schema, table: table.name };
    this.logger = connected.logger;
    this.lockMs = options.lockTimeoutMs ?? 10_000;
    this.endpoint = connectorEndpoint(options.url, options.endpoint, connected.database);
  }

  /**
   * What captures is noted last, when the capture job is seen at work: a call that fails before is made again as if it
   * had not been. `created`: nothing was noted, or one of the instances noted is not the one that is there, or the
   * database is another: what the connector read before does not join on to what it will read. An instance of a table
   * that enters now is nothing to that: no event of the table counts before.
   */
  async prepare(tables: readonly TableMapping[]): Promise<{ readonly created: boolean; readonly identity: SourceIdentity; readonly position: LogPosition }> {
    this.refuseCounterAmong(tables);
    const wanted = [...tables.map(wantedTable), wantedCounter(this.row.table)];
    return this.exclusively(async (sql) => {
      const facts = await readFacts(sql);
      await this.enable(sql, wanted, facts);
      const instances = await this.established(sql, wanted, facts);
      this.refuseHidden(wanted, instances, facts);
      const before = await this.recorded(sql);
      const identity = await readMssqlIdentity(sql);
      const trouble = before === null ? null : recordTrouble(before, { identity, instances }, new Set(wanted.map(({ id }) => id)));
      const created = before === null || trouble !== null;
      if (trouble !== null) this.logger.warn({ reason: trouble }, 'capture cannot deliver without a gap and begins anew');
      const chosen = wanted.flatMap(({ id }) => instancesOf(id, instances).slice(-1)).filter(isEstablished);
      const position = await this.untilCaptured(sql, chosen);
      await recordCapture(sql, this.row, recordOf(identity, chosen), { anew: created, lockMs: this.lockMs });
      await this.release(sql, before, instances);
      return { created, identity, position };
    });
  }

  async raiseCounter(): Promise<void> {
    await raiseCounter(this.sql, this.row, this.options.counterTimeoutMs ?? 2_000);
  }

  async status(): Promise<CaptureSourceStatus> {
    const missing = (reason: string): CaptureSourceStatus => ({ state: 'missing', retainedBytes: null, confirmed: null, reason });
    const facts = await readFacts(this.sql);
    if (!facts.captured) return missing(`CDC is not enabled for database ${facts.database}`);
    const row = this.ownRow(await readCounters(this.sql, this.row));
    const { table } = this.row;
    if (row === null) return missing(`the counter table ${tableId(table)} is gone from the source, or the pipeline's row in it`);
    if (row.record === null) return missing(`nothing is noted in ${tableId(table)} of what captures the pipeline: it was never prepared to the end`);
    const instances = await readInstances(this.sql, false);
    const trouble = recordTrouble(row.record, { identity: await readMssqlIdentity(this.sql), instances });
    if (trouble !== null) return missing(trouble);
    return {
      state: 'ready',
      retainedBytes: await readRetainedBytes(this.sql, row.record, facts.logWait),
      confirmed: cleanedUpTo(row.record, instances),
      reason: null,
      raised: row.value,
      trouble: await readCaptureTrouble(this.sql, facts.database),
    };
  }

  async retainedBytes(): Promise<number | null> {
    const facts = await readFacts(this.sql);
    const record = facts.captured ? await this.recorded(this.sql) : null;
    return record === null ? null : readRetainedBytes(this.sql, record, facts.logWait);
  }

  async budget(needed: LogPosition): Promise<string | null> {
    const record = await this.recorded(this.sql);
    if (record === null) return null;
    return (await readBudgetWarning(this.sql, needed)) ?? supersededInstance(record.tables.keys(), await readInstances(this.sql, false), needed);
  }

  async captured(): Promise<ReadonlySet<string> | null> {
    if (!(await readFacts(this.sql)).captured) return null;
    const record = await this.recorded(this.sql);
    if (record === null) return null;
    const instances = await readInstances(this.sql, false);
    const there = [...record.tables].filter(([, recorded]) => instances.some((instance) => !instance.dropping && isRecorded(recorded, instance)));
    return new Set(there.map(([table]) => table).filter((table) => table !== tableId(this.row.table)));
  }

  /** CDC stays on for the database, and instances that others made or use stay too. */
  async drop(): Promise<void> {
    await this.exclusively(async (sql) => {
      const facts = await readFacts(sql);
      const counters = await readCounters(sql, this.row);
      if (counters === null) return;
      const instances = facts.captured ? await readInstances(sql, false) : [];
      const own = this.ownRow(counters)?.record ?? null;
      const last = counters.every(({ pipeline }) => pipeline === this.row.pipeline);
      const id = tableId(this.row.table);
      const counterIsOurs = last && instances.some(({ table, name }) => table === id && isOurs(name)) && facts.owner;
      const unused = unusedInstances(own, null, this.others(counters), instances).filter(({ table }) => table !== id || counterIsOurs);
      const disable = unused.map((instance) => statements.disableTable(instance.source, instance.name));
      if (!facts.owner) refuseWithout(facts.user, disable);
      for (const statement of disable) await sql.rows(statements.unattended(statement, this.lockMs));
      await deleteCounter(sql, this.row);
      if (counterIsOurs) await dropCounter(sql, this.row);
    });
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.connected.destroy();
  }

  /** Everything that is missing and that the login may not make is told in one error. */
  private async enable(sql: TSql, wanted: readonly WantedTable[], facts: DatabaseFacts): Promise<void> {
    const todo: string[] = [];
    if (!facts.captured && facts.sysadmin) await this.run(sql, facts, statements.ENABLE_DATABASE, 'CDC was enabled for the database');
    else if (!facts.captured) todo.push(statements.ENABLE_DATABASE);
    const captured = facts.captured || facts.sysadmin;
    todo.push(...(await ensureCounter(sql, this.row, facts)));
    const instances = captured ? await this.instances(sql, facts) : [];
    const tables = await readTables(sql, wanted.map(({ source }) => source));
    const counter = tableId(this.row.table);
    const plan = planInstances(wanted.filter(({ id }) => id !== counter || tables.has(id)), tables, instances);
    if (plan.problems.length > 0) throw new ElstreamError('CAPTURE_TABLES', 'refuse', [...plan.problems, ...(todo.length === 0 ? [] : [`besides, let a DBA run: ${todo.join(' ')}`])].join('; '));
    const enabling = plan.enable.map(({ table, instance }) => statements.enableTable(table, instance, this.role));
    if (facts.owner && captured) for (const statement of enabling) await this.run(sql, facts, statement, 'a table is captured from now on');
    else todo.push(...enabling);
    refuseWithout(facts.user, todo);
  }

  private async run(sql: TSql, { user }: DatabaseFacts, statement: string, done: string): Promise<void> {
    const started = Date.now();
    await withRights(user, [statement], () => sql.rows(statements.unattended(statement, this.lockMs)));
    this.logger.info({ statement, ms: Date.now() - started }, done);
  }

  private instances(sql: TSql, { user }: DatabaseFacts): Promise<CaptureInstance[]> {
    return withRights(user, [statements.grantCdc(user)], () => readInstances(sql, true));
  }

  /** A new instance has no start until the capture job has come upon it, a moment later where it runs. */
  private async established(sql: TSqlSession, wanted: readonly WantedTable[], facts: DatabaseFacts): Promise<CaptureInstance[]> {
    const look = async (): Promise<CaptureInstance[] | null> => {
      const instances = await this.instances(sql, facts);
      return wanted.every(({ id }) => instancesOf(id, instances).every(isEstablished)) ? instances : null;
    };
    const found = await look();
    if (found !== null) return found;
    // something to capture, on a source where nothing else happens
    await raiseCounter(sql, this.row, this.lockMs);
    return this.untilJob(sql, look);
  }

  /** A connector that may not see an instance says nothing of it and captures the rest. */
  private refuseHidden(wanted: readonly WantedTable[], instances: readonly CaptureInstance[], { user }: DatabaseFacts): void {
    const hidden = wanted.flatMap(({ id, source }) => instancesOf(id, instances).filter(({ least }) => least === null).map(({ role }) => (role === null ? statements.grantTable(source, user) : `${statements.joinRole(role, user)} ${statements.grantTable(source, user)}`)));
    refuseWithout(user, [...new Set(hidden)]);
  }

  /**
   * R4 step 0: the job that reads the log runs. Its newest commit is a lower bound of what is captured, but not below the
   * start of an instance just made.
   */
  private async untilCaptured(sql: TSqlSession, chosen: readonly EstablishedInstance[]): Promise<LogPosition> {
    const before = await readNewest(sql);
    await raiseCounter(sql, this.row, this.lockMs);
    const from = [...chosen.map(({ start }) => start), ...(before === null ? [] : [before])].reduce((max, next) => LogPosition.max(max, next), LogPosition.ZERO);
    return this.untilJob(sql, async () => {
      const newest = await readNewest(sql);
      return newest !== null && from.isBelow(newest) ? newest : null;
    });
  }

  /** Looks until there is something. @throws ElstreamError CAPTURE_STOPPED (retry) if the capture job does not do it in time */
  private async untilJob<T>(sql: TSql, look: () => Promise<T | null>): Promise<T> {
    const { captureTimeoutMs = 60_000 } = this.options;
    const deadline = Date.now() + captureTimeoutMs;
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(2 * pollMs, LAST_POLL_MS)) {
      const found = await look();
      if (found !== null) return found;
      if (Date.now() >= deadline) break;
      await sleep(pollMs);
    }
    const trouble = await readCaptureTrouble(sql, this.connected.database);
    throw new ElstreamError('CAPTURE_STOPPED', 'retry', trouble ?? `the capture job of database ${this.connected.database} has not taken up a commit within ${String(captureTimeoutMs)} ms; see sys.dm_cdc_log_scan_sessions and sys.dm_cdc_errors`);
  }

  /** Instances of ours of tables that have left the pipeline, unless another one reads them. */
  private async release(sql: TSql, before: RecordedCapture | null, instances: readonly CaptureInstance[]): Promise<void> {
    const counters = (await readCounters(sql, this.row)) ?? [];
    const unused = unusedInstances(before, this.ownRow(counters)?.record ?? null, this.others(counters), instances);
    if (unused.length === 0) return;
    const facts = await readFacts(sql);
    for (const instance of unused) {
      const statement = statements.disableTable(instance.source, instance.name);
      if (facts.owner) await this.run(sql, facts, statement, 'a table is captured no longer');
      else this.logger.warn({ statement }, 'a table is captured that no pipeline reads, and the login may not end it; let a DBA run the statement');
    }
  }

  private async recorded(sql: TSql): Promise<RecordedCapture | null> {
    return this.ownRow(await readCounters(sql, this.row))?.record ?? null;
  }

  private ownRow(counters: readonly CounterRow[] | null): CounterRow | null {
    return counters?.find(({ pipeline }) => pipeline === this.row.pipeline) ?? null;
  }

  private others(counters: readonly CounterRow[]): readonly RecordedCapture[] {
    return counters.flatMap(({ pipeline, record }) => (pipeline === this.row.pipeline || record === null ? [] : [record]));
  }

  private get role(): string | null {
    return this.options.role === undefined ? DEFAULT_ROLE : this.options.role;
  }

  private refuseCounterAmong(tables: readonly TableMapping[]): void {
    const id = tableId(this.row.table);
    if (!tables.some((mapping) => mapping.id === id)) return;
    throw new ElstreamError('COUNTER_TABLE_REPLICATED', 'refuse', `${id} is the counter table and cannot be replicated; exclude it, or set stream.counterTable`, { place: { table: id, setting: 'stream.counterTable' } });
  }

  /** One of us at a time makes or drops what captures, over all processes. A session that fails is closed, and its lock with it. */
  private exclusively<T>(fn: (sql: TSqlSession) => Promise<T>): Promise<T> {
    return this.sql.session(async (session) => {
      const [row] = await session.rows<{ result: number }>(statements.LOCK);
      if ((row?.result ?? -1) < 0) throw new ElstreamError('CAPTURE_BUSY', 'retry', `another process prepares capture in database ${this.connected.database}`);
      const result = await fn(session);
      await session.rows(statements.UNLOCK);
      return result;
    });
  }
}

/** Recorded, not in `keep`, ours, and in nobody else's record. */
function unusedInstances(before: RecordedCapture | null, keep: RecordedCapture | null, others: readonly RecordedCapture[], instances: readonly CaptureInstance[]): CaptureInstance[] {
  if (before === null) return [];
  const tables = new Set([...before.tables.keys()].filter((table) => keep?.tables.has(table) !== true));
  return instances.filter((instance) => tables.has(instance.table) && isOurs(instance.name) && !others.some((other) => other.tables.has(instance.table)));
}
