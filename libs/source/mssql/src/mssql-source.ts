import { silentLogger, type BucketChecksum, type BucketChoice, type Cell, type KeyDigest, type KeyRange, type Logger, type LogPosition, type SourceIdentity, type TableMapping } from '@elstream/core';
import { connectMssql, DEFAULT_TIMEOUTS, mssqlOf, readMssqlChecksums, readMssqlDigests, readMssqlIdentity, type EntityDataSource, type Mssql, type MssqlConnection, type MssqlDigestRows, type TransactionTimeouts, type TSql } from '@elstream/database';
import { type ChunkRead, type HistoryRows, type SourceDatabase, type SourceTable, type TableSelection, type TransactionInProgress } from '@elstream/source';
import { checkHistory } from './catalog/check-history';
import { describeTables } from './catalog/describe';
import { agentRuns, readServerFacts, serverProblems, snapshotAdvice } from './check';
import { endOfLog } from './log';
import { planHistory, readHistory } from './read/history';
import { planChunks } from './read/plan-chunks';
import { rangeCondition, selectKeys, selectRange } from './read/read-sql';
import { lookUpTarget } from './read/read-target';
import { isolatedReads, masked, readRows, rowsOf } from './read/rows';
import { replicaFacts, replicaHasApplied, replicaProblems } from './replica';
import { filterInProgress, listTransactions } from './transactions';

export interface MssqlSourceOptions {
  /** `mssql://user:password@host:port/database?encrypt=true`; never logged. */
  readonly url: string;
  /**
   * A readable secondary of its availability group, which tables are then read from; everything else is asked of the
   * primary. One server, not a listener that shares reads out over several: how far one is says nothing of another. Never logged.
   */
  readonly readUrl?: string;
  /** Shown in sys.dm_exec_sessions; default `elstream source`. */
  readonly applicationName?: string;
  /** Upper bound of connections this source opens to a server (R14); default 6. */
  readonly maxConnections?: number;
  readonly timeouts?: TransactionTimeouts;
  readonly connectTimeoutMs?: number;
  readonly logger?: Logger;
  /** Whether change data capture feeds the stream, so that a database or table without it is refused which the login may not enable; default true. */
  readonly capture?: boolean;
}

/** Connects to a SQL Server source, 2019 or later. Throws a classified `ElstreamError` that names the remedy. */
export async function createMssqlSource(options: MssqlSourceOptions): Promise<SourceDatabase> {
  const logger = options.logger ?? silentLogger;
  const connection: MssqlConnection = {
    url: options.url,
    applicationName: options.applicationName ?? 'elstream source',
    // Half of them would be for sessions, of which a source opens none: what is asked for is what it gets.
    maxConnections: 2 * (options.maxConnections ?? 6),
    timeouts: options.timeouts ?? DEFAULT_TIMEOUTS,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    logger,
  };
  const settings = { logger, capture: options.capture ?? true };
  const primary = await connectMssql(connection);
  if (options.readUrl === undefined) return new MssqlSource(primary, null, settings);
  try {
    return new MssqlSource(primary, await connectMssql({ ...connection, url: options.readUrl, readOnlyIntent: true }), settings);
  } catch (error) {
    await primary.destroy();
    throw error;
  }
}

class MssqlSource implements SourceDatabase {
  private readonly sql: Mssql;
  /** Where tables are read: the replica, if there is one. */
  private readonly reads: Mssql;

  constructor(
    private readonly primary: EntityDataSource,
    private readonly replica: EntityDataSource | null,
    private readonly settings: { readonly logger: Logger; readonly capture: boolean },
  ) {
    this.sql = mssqlOf(primary);
    this.reads = mssqlOf(replica ?? primary);
  }

  async check(): Promise<readonly string[]> {
    const facts = await readServerFacts(this.sql);
    // Where capture needs it, it is among the problems.
    const advice = this.settings.capture ? null : snapshotAdvice(facts);
    if (advice !== null) this.settings.logger.warn({}, advice);
    const problems = serverProblems(facts, this.settings.capture ? await agentRuns(this.sql, facts) : null, this.settings);
    return this.replica === null ? problems : [...problems, ...replicaProblems(await replicaFacts(this.reads), await replicaFacts(this.sql))];
  }

  async identity(): Promise<SourceIdentity> {
    return readMssqlIdentity(this.sql);
  }

  async describe(selection: TableSelection): Promise<readonly SourceTable[]> {
    return describeTables(this.sql, selection, this.settings.capture);
  }

  planChunks(mapping: TableMapping, signal: AbortSignal): AsyncIterable<KeyRange> {
    return planChunks(this.reads, mapping, signal);
  }

  async readChunk(mapping: TableMapping, range: KeyRange, signal: AbortSignal): Promise<ChunkRead> {
    return readRows(this.reads, mapping, selectRange(await lookUpTarget(this.reads, mapping), range), signal);
  }

  async readByKeys(mapping: TableMapping, keys: readonly (readonly string[])[]): Promise<readonly Cell[][]> {
    if (keys.length === 0) return [];
    const found: Cell[][] = [];
    for await (const row of masked(mapping, rowsOf(this.reads, selectKeys(await lookUpTarget(this.reads, mapping), keys)))) found.push(row);
    return found;
  }

  async checksums(mapping: TableMapping, range: KeyRange, buckets: number, signal: AbortSignal): Promise<readonly BucketChecksum[]> {
    const { sql, rows } = await this.digestRows(mapping, range);
    return readMssqlChecksums(sql, rows, buckets, signal);
  }

  async digests(mapping: TableMapping, range: KeyRange, buckets: BucketChoice, signal: AbortSignal): Promise<readonly KeyDigest[]> {
    const { sql, rows } = await this.digestRows(mapping, range);
    return readMssqlDigests(sql, rows, buckets, signal);
  }

  async checkHistory(mappings: readonly TableMapping[]): Promise<readonly string[]> {
    return checkHistory(this.sql, mappings);
  }

  async readHistory(mapping: TableMapping, of: HistoryRows, signal: AbortSignal): Promise<ChunkRead> {
    return readHistory(this.reads, mapping, of, signal);
  }

  planHistory(mapping: TableMapping, signal: AbortSignal): AsyncIterable<KeyRange> {
    return planHistory(this.reads, mapping, signal);
  }

  async replicaHasApplied(position: LogPosition, wait: { readonly waitMs: number; readonly signal: AbortSignal }): Promise<boolean> {
    return this.replica === null ? true : replicaHasApplied(this.reads, this.sql, position, wait);
  }

  async endOfLog(): Promise<LogPosition> {
    return endOfLog(this.sql);
  }

  async transactionsInProgress(): Promise<readonly TransactionInProgress[]> {
    return listTransactions(this.sql);
  }

  async stillInProgress(listed: readonly TransactionInProgress[]): Promise<readonly TransactionInProgress[]> {
    return filterInProgress(this.sql, listed);
  }

  async close(): Promise<void> {
    for (const dataSource of [this.primary, this.replica]) if (dataSource?.isInitialized === true) await dataSource.destroy();
  }

  private async digestRows(mapping: TableMapping, range: KeyRange): Promise<{ readonly sql: TSql; readonly rows: MssqlDigestRows }> {
    const target = await lookUpTarget(this.reads, mapping);
    const { where, params } = rangeCondition(target, range);
    const columns = mapping.columns.map((column, i) => ({ ...column, native: target.columns[i]?.native ?? '' }));
    return { sql: isolatedReads(this.reads, target.snapshot), rows: { mapping: { ...mapping, columns }, side: 'source', from: `${target.table} AS t${where}`, params } };
  }
}
