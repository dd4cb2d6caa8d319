import { type DataSource } from 'typeorm';
import { applyMask, decodeRows, encodeRows, hasHashMask, silentLogger, type BucketChecksum, type BucketChoice, type Cell, type KeyDigest, type KeyRange, type Logger, type LogPosition, type SourceIdentity, type TableMapping } from '@elstream/core';
import { connectPostgres, copyOut, DEFAULT_TIMEOUTS, type DigestRows, onDatabase, parseLsn, type PostgresConnection, readChecksums, readDigests, readSourceIdentity, type TransactionTimeouts } from '@elstream/database';
import { type ChunkRead, type HistoryRows, type SourceDatabase, type SourceTable, type TableSelection, type TransactionInProgress } from '@elstream/source';
import { checkHistory } from './catalog/check-history';
import { describeTables } from './catalog/describe';
import { readServerFacts, serverProblems } from './check';
import { planHistory, readHistory } from './read/history';
import { planChunks } from './read/plan-chunks';
import { copyKeys, copyRange, rangeCondition } from './read/read-sql';
import { lookUpTarget, type ReadTarget } from './read/read-target';
import { replicaHasApplied, replicaProblems, type Replica } from './replica';
import { filterInProgress, listTransactions } from './transactions';

export interface PostgresSourceOptions {
  /** `postgres://user:password@host:port/database`; never logged. */
  readonly url: string;
  /** A streaming standby of it, which tables are then read from; everything else is asked of the primary. Never logged. */
  readonly readUrl?: string;
  /** Shown in pg_stat_activity; default `elstream source`. */
  readonly applicationName?: string;
  /** Upper bound of connections this source opens to a server (R14); default 6. */
  readonly maxConnections?: number;
  readonly timeouts?: TransactionTimeouts;
  readonly connectTimeoutMs?: number;
  readonly logger?: Logger;
  /** Beginning of the prefix of logical messages of ours, e.g. `elstream:<pipeline>`; what follows it tells them from the change stream's counter. */
  readonly counterPrefix: string;
  /** The pipeline's replication slot: if it exists already, `check` does not ask for a free one. */
  readonly slotName?: string;
}

/** Connects to a PostgreSQL source, 14 or later. Throws a classified `ElstreamError` that names the remedy. */
export async function createPostgresSource(options: PostgresSourceOptions): Promise<SourceDatabase> {
  const connection: PostgresConnection = {
    url: options.url,
    applicationName: options.applicationName ?? 'elstream source',
    maxConnections: options.maxConnections ?? 6,
    timeouts: options.timeouts ?? DEFAULT_TIMEOUTS,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    logger: options.logger ?? silentLogger,
  };
  const dataSource = await connectPostgres(connection);
  if (options.readUrl === undefined) return new PostgresSource({ dataSource, connection }, null, options);
  const readConnection = { ...connection, url: options.readUrl };
  try {
    return new PostgresSource({ dataSource, connection }, { dataSource: await connectPostgres(readConnection), connection: readConnection }, options);
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
}

/** Keys per statement of `readByKeys`: the literals of one stay far below what the parser minds. */
const KEYS_PER_STATEMENT = 2000;

class PostgresSource implements SourceDatabase {
  private readonly dataSource: DataSource;
  /** Where tables are read: the replica, if there is one. */
  private readonly reads: DataSource;

  constructor(
    private readonly primary: { readonly dataSource: DataSource; readonly connection: PostgresConnection },
    private readonly replica: Replica | null,
    private readonly options: PostgresSourceOptions,
  ) {
    this.dataSource = primary.dataSource;
    this.reads = (replica ?? primary).dataSource;
  }

  async check(): Promise<readonly string[]> {
    const problems = serverProblems(await onDatabase(this.dataSource, (sql) => readServerFacts(sql, this.options.slotName ?? null)));
    // a role that may not replicate cannot ask for the system identifier either
    return this.replica === null || problems.length > 0 ? problems : replicaProblems(this.replica, this.primary);
  }

  async identity(): Promise<SourceIdentity> {
    return readSourceIdentity(this.dataSource, this.primary.connection);
  }

  async describe(selection: TableSelection): Promise<readonly SourceTable[]> {
    return onDatabase(this.dataSource, (sql) => describeTables(sql, selection));
  }

  planChunks(mapping: TableMapping, signal: AbortSignal): AsyncIterable<KeyRange> {
    return planChunks(this.reads, mapping, signal);
  }

  async readChunk(mapping: TableMapping, range: KeyRange, signal: AbortSignal): Promise<ChunkRead> {
    const target = await this.target(mapping);
    const read = copyOut(this.reads, copyRange(mapping, target, range), signal);
    return hasHashMask(mapping) ? { rows: encodeRows(masked(mapping, read.rows)), count: read.count } : read;
  }

  async readByKeys(mapping: TableMapping, keys: readonly (readonly string[])[]): Promise<readonly Cell[][]> {
    if (keys.length === 0) return [];
    const target = await this.target(mapping);
    const found: Cell[][] = [];
    for (let at = 0; at < keys.length; at += KEYS_PER_STATEMENT) {
      const read = copyOut(this.reads, copyKeys(mapping, target, keys.slice(at, at + KEYS_PER_STATEMENT)));
      for await (const row of masked(mapping, read.rows)) found.push(row);
    }
    return found;
  }

  async checksums(mapping: TableMapping, range: KeyRange, buckets: number, signal: AbortSignal): Promise<readonly BucketChecksum[]> {
    return readChecksums(this.reads, await this.digestRows(mapping, range), buckets, signal);
  }

  async digests(mapping: TableMapping, range: KeyRange, buckets: BucketChoice, signal: AbortSignal): Promise<readonly KeyDigest[]> {
    return readDigests(this.reads, await this.digestRows(mapping, range), buckets, signal);
  }

  async checkHistory(mappings: readonly TableMapping[]): Promise<readonly string[]> {
    return onDatabase(this.dataSource, (sql) => checkHistory(sql, mappings));
  }

  async readHistory(mapping: TableMapping, of: HistoryRows, signal: AbortSignal): Promise<ChunkRead> {
    const read = await readHistory(this.reads, mapping, of, signal);
    return hasHashMask(mapping) ? { rows: encodeRows(masked(mapping, read.rows)), count: read.count } : read;
  }

  planHistory(mapping: TableMapping, signal: AbortSignal): AsyncIterable<KeyRange> {
    return planHistory(this.reads, mapping, signal);
  }

  async replicaHasApplied(position: LogPosition, wait: { readonly waitMs: number; readonly signal: AbortSignal }): Promise<boolean> {
    if (this.replica === null) return true;
    return replicaHasApplied(this.replica.dataSource, this.dataSource, position, { ...wait, flushPrefix: `${this.options.counterPrefix} flush` });
  }

  async endOfLog(): Promise<LogPosition> {
    const rows = await onDatabase(this.dataSource, (sql) => sql.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn'));
    return parseLsn(rows[0]?.lsn ?? '');
  }

  async transactionsInProgress(): Promise<readonly TransactionInProgress[]> {
    return onDatabase(this.dataSource, listTransactions);
  }

  async stillInProgress(listed: readonly TransactionInProgress[]): Promise<readonly TransactionInProgress[]> {
    const ids = listed.map((transaction) => transaction.id);
    return onDatabase(this.dataSource, (sql) => filterInProgress(sql, ids));
  }

  async close(): Promise<void> {
    for (const dataSource of new Set([this.dataSource, this.reads])) if (dataSource.isInitialized) await dataSource.destroy();
  }

  private async digestRows(mapping: TableMapping, range: KeyRange): Promise<DigestRows> {
    const target = await this.target(mapping);
    return { mapping, side: 'source', utf8: target.utf8, from: target.from + rangeCondition(target, range) };
  }

  private async target(mapping: TableMapping): Promise<ReadTarget> {
    return onDatabase(this.reads, (sql) => lookUpTarget(sql, mapping));
  }
}

async function* masked(mapping: TableMapping, rows: AsyncIterable<Uint8Array>): AsyncGenerator<Cell[]> {
  for await (const row of decodeRows(rows)) yield row.map((cell, i) => applyMask(cell, mapping.columns[i]?.mask ?? null));
}
