import { type DataSource } from 'typeorm';
import { applyMask, decodeRows, encodeRows, hasHashMask, silentLogger, type BucketChecksum, type BucketChoice, type Cell, type KeyDigest, type KeyRange, type Logger, type LogPosition, type SourceIdentity, type TableMapping } from '@elstream/core';
import { connectPostgres, copyOut, DEFAULT_TIMEOUTS, type DigestRows, onPostgres, parseLsn, type PostgresConnection, readChecksums, readDigests, readSourceIdentity, type TransactionTimeouts } from '@elstream/database';
import { type ChunkRead, type SourceDatabase, type SourceTable, type TableSelection, type TransactionInProgress } from '@elstream/source';
import { checkHistory } from './catalog/check-history';
import { describeTables } from './catalog/describe';
import { readServerFacts, serverProblems } from './check';
import { planHistory, readHistory, type HistoryRows } from './read/history';
import { planChunks } from './read/plan-chunks';
import { copyKeys, copyRange, rangeCondition } from './read/read-sql';
import { lookUpTarget, type ReadTarget } from './read/read-target';
import { filterInProgress, listTransactions } from './transactions';

export interface PostgresSourceOptions {
  /** `postgres://user:password@host:port/database`; never logged. */
  readonly url: string;
  /** Shown in pg_stat_activity; default `elstream source`. */
  readonly applicationName?: string;
  /** Upper bound of connections this source opens (R14); default 6. */
  readonly maxConnections?: number;
  readonly timeouts?: TransactionTimeouts;
  readonly connectTimeoutMs?: number;
  readonly logger?: Logger;
  /** Prefix of the logical messages that carry the counter, e.g. `elstream:<pipeline>`; the change stream looks for it. */
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
  return new PostgresSource(await connectPostgres(connection), connection, options);
}

/** Keys per statement of `readByKeys`: the literals of one stay far below what the parser minds. */
const KEYS_PER_STATEMENT = 2000;

class PostgresSource implements SourceDatabase {
  constructor(
    private readonly dataSource: DataSource,
    private readonly connection: PostgresConnection,
    private readonly options: PostgresSourceOptions,
  ) {}

  async check(): Promise<readonly string[]> {
    return serverProblems(await onPostgres(this.dataSource, (sql) => readServerFacts(sql, this.options.slotName ?? null)));
  }

  async identity(): Promise<SourceIdentity> {
    return readSourceIdentity(this.dataSource, this.connection);
  }

  async describe(selection: TableSelection): Promise<readonly SourceTable[]> {
    return onPostgres(this.dataSource, (sql) => describeTables(sql, selection));
  }

  planChunks(mapping: TableMapping, signal: AbortSignal): AsyncIterable<KeyRange> {
    return planChunks(this.dataSource, mapping, signal);
  }

  async readChunk(mapping: TableMapping, range: KeyRange, signal: AbortSignal): Promise<ChunkRead> {
    const target = await this.target(mapping);
    const read = copyOut(this.dataSource, copyRange(mapping, target, range), signal);
    return hasHashMask(mapping) ? { rows: encodeRows(masked(mapping, read.rows)), count: read.count } : read;
  }

  async readByKeys(mapping: TableMapping, keys: readonly (readonly string[])[]): Promise<readonly Cell[][]> {
    if (keys.length === 0) return [];
    const target = await this.target(mapping);
    const found: Cell[][] = [];
    for (let at = 0; at < keys.length; at += KEYS_PER_STATEMENT) {
      const read = copyOut(this.dataSource, copyKeys(mapping, target, keys.slice(at, at + KEYS_PER_STATEMENT)));
      for await (const row of masked(mapping, read.rows)) found.push(row);
    }
    return found;
  }

  async checksums(mapping: TableMapping, range: KeyRange, buckets: number, signal: AbortSignal): Promise<readonly BucketChecksum[]> {
    return readChecksums(this.dataSource, await this.digestRows(mapping, range), buckets, signal);
  }

  async digests(mapping: TableMapping, range: KeyRange, buckets: BucketChoice, signal: AbortSignal): Promise<readonly KeyDigest[]> {
    return readDigests(this.dataSource, await this.digestRows(mapping, range), buckets, signal);
  }

  async checkHistory(mappings: readonly TableMapping[]): Promise<readonly string[]> {
    return onPostgres(this.dataSource, (sql) => checkHistory(sql, mappings));
  }

  async readHistory(mapping: TableMapping, of: HistoryRows, signal: AbortSignal): Promise<ChunkRead> {
    const read = await readHistory(this.dataSource, mapping, of, signal);
    return hasHashMask(mapping) ? { rows: encodeRows(masked(mapping, read.rows)), count: read.count } : read;
  }

  planHistory(mapping: TableMapping, signal: AbortSignal): AsyncIterable<KeyRange> {
    return planHistory(this.dataSource, mapping, signal);
  }

  replicaHasApplied(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async endOfLog(): Promise<LogPosition> {
    const rows = await onPostgres(this.dataSource, (sql) => sql.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn'));
    return parseLsn(rows[0]?.lsn ?? '');
  }

  async transactionsInProgress(): Promise<readonly TransactionInProgress[]> {
    return onPostgres(this.dataSource, listTransactions);
  }

  async stillInProgress(listed: readonly TransactionInProgress[]): Promise<readonly TransactionInProgress[]> {
    const ids = listed.map((transaction) => transaction.id);
    return onPostgres(this.dataSource, (sql) => filterInProgress(sql, ids));
  }

  async emitCounter(value: bigint): Promise<void> {
    await onPostgres(this.dataSource, (sql) => sql.query('SELECT pg_logical_emit_message(true, $1, $2::text)', [this.options.counterPrefix, value.toString()]));
  }

  async close(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  private async digestRows(mapping: TableMapping, range: KeyRange): Promise<DigestRows> {
    const target = await this.target(mapping);
    return { mapping, side: 'source', utf8: target.utf8, from: target.from + rangeCondition(target, range) };
  }

  private async target(mapping: TableMapping): Promise<ReadTarget> {
    return onPostgres(this.dataSource, (sql) => lookUpTarget(sql, mapping));
  }
}

async function* masked(mapping: TableMapping, rows: AsyncIterable<Uint8Array>): AsyncGenerator<Cell[]> {
  for await (const row of decodeRows(rows)) yield row.map((cell, i) => applyMask(cell, mapping.columns[i]?.mask ?? null));
}
