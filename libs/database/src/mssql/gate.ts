import type { ConnectionPool, IResult, ISqlType, Request } from 'mssql';
import { driver } from './driver';
import { classifyMssqlError } from './errors';
import type { MssqlParams } from './parameters';

/** Statements on SQL Server, values bound by name (`@name`). Errors arrive classified (`classifyMssqlError`). */
export interface TSql {
  /** Rows of the first result set. */
  rows<R extends object = Record<string, unknown>>(statement: string, params?: MssqlParams): Promise<R[]>;
  /** All result sets, in order; those of statements that return none are not among them. `timeoutMs`: in place of the connection's, 0 for none. */
  sets(statement: string, params?: MssqlParams, limits?: { readonly timeoutMs?: number }): Promise<Record<string, unknown>[][]>;
  /** Rows affected, summed over the statements that tell (SET NOCOUNT OFF). */
  execute(statement: string, params?: MssqlParams): Promise<number>;
  /** Rows as arrays, one result set, streamed with back-pressure; leaving the loop or aborting cancels the statement. */
  cells(statement: string, params?: MssqlParams, signal?: AbortSignal): AsyncIterable<unknown[]>;
}

export interface BulkColumn {
  readonly name: string;
  /** Exactly the column's: the server loads no sized column into a `max` one. */
  readonly type: ISqlType;
  readonly nullable: boolean;
}

export interface BulkTable {
  /** Unquoted name of an existing table of this session, `#stage`. Column names are plain words. */
  readonly name: string;
  readonly columns: readonly BulkColumn[];
}

/**
 * One connection, held exclusively. It is used again afterwards and nothing resets it: temporary tables of the session before
 * may still be there, so whoever makes one drops it first (DROP TABLE IF EXISTS).
 */
export interface TSqlSession extends TSql {
  /** A batch as it is, without parameters: temporary tables made here outlive it, those made by `rows` and its like do not. */
  batch(statement: string): Promise<Record<string, unknown>[][]>;
  /** Loads by TDS's bulk copy. Returns the rows loaded. */
  bulk(table: BulkTable, rows: Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>): Promise<number>;
}

/** The types of the driver do not know of its second argument. */
type TimedRequest = new (pool: ConnectionPool, overrides: { readonly requestTimeout: number }) => Request;

/** tedious's names: node-mssql, whose types say `tableLock`, hands them on as they are, and what tedious does not know is passed over. */
const BULK_OPTIONS: { readonly keepNulls: boolean; readonly lockTable: boolean } = { keepNulls: true, lockTable: true };
/** Rows handed to the driver at once, and about the bytes at which it is fewer: it keeps them all in memory (R11). */
const BULK_ROWS = 2_000;
const BULK_BYTES = 8 * 1024 * 1024;
/** Rows the driver may be ahead of the reader, however large they are (R11). */
const AHEAD_ROWS = 32;

/** The gate over a pool, or over a pool of one connection. */
export class PoolGate implements TSqlSession {
  constructor(private readonly pool: ConnectionPool) {}

  async rows<R extends object>(statement: string, params: MssqlParams = {}): Promise<R[]> {
    const { recordset } = await this.ask(statement, params);
    return (recordset as unknown as R[] | undefined) ?? [];
  }

  async sets(statement: string, params: MssqlParams = {}, { timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<Record<string, unknown>[][]> {
    const { recordsets } = await this.ask(statement, params, timeoutMs);
    return recordsets as unknown as Record<string, unknown>[][];
  }

  async execute(statement: string, params: MssqlParams = {}): Promise<number> {
    const { rowsAffected } = await this.ask(statement, params);
    return rowsAffected.reduce((sum, n) => sum + n, 0);
  }

  async *cells(statement: string, params: MssqlParams = {}, signal?: AbortSignal): AsyncGenerator<unknown[]> {
    signal?.throwIfAborted();
    const request = this.request(params);
    request.stream = true;
    request.arrayRowMode = true;
    const rows = request.toReadableStream({ highWaterMark: AHEAD_ROWS });
    // The stream tells of it; without a listener the request's own event would end the process.
    request.on('error', () => undefined);
    const cancel = (): void => {
      request.cancel();
    };
    signal?.addEventListener('abort', cancel, { once: true });
    let ended = false;
    try {
      void request.query(statement);
      for await (const row of rows as AsyncIterable<unknown[]>) yield row;
      ended = true;
      signal?.throwIfAborted();
    } catch (error) {
      ended = true;
      signal?.throwIfAborted();
      throw classifyMssqlError(error);
    } finally {
      signal?.removeEventListener('abort', cancel);
      if (!ended) request.cancel();
    }
  }

  async batch(statement: string): Promise<Record<string, unknown>[][]> {
    try {
      const { recordsets } = await this.pool.request().batch(statement);
      return recordsets as unknown as Record<string, unknown>[][];
    } catch (error) {
      throw classifyMssqlError(error);
    }
  }

  async bulk(table: BulkTable, rows: Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>): Promise<number> {
    let loaded = 0;
    let piece: (readonly unknown[])[] = [];
    let bytes = 0;
    for await (const row of rows) {
      piece.push(row);
      bytes += bytesOf(row);
      if (piece.length < BULK_ROWS && bytes < BULK_BYTES) continue;
      loaded += await this.load(table, piece);
      [piece, bytes] = [[], 0];
    }
    return piece.length === 0 ? loaded : loaded + (await this.load(table, piece));
  }

  private async load({ name, columns }: BulkTable, rows: readonly (readonly unknown[])[]): Promise<number> {
    const table = new (driver().Table)(name);
    table.create = false;
    // A copy: the driver writes the column's name into its type, which two columns may share.
    for (const { name: column, type, nullable } of columns) table.columns.add(column, { ...type }, { nullable });
    for (const row of rows) table.rows.push([...row] as never);
    try {
      await this.pool.request().bulk(table, BULK_OPTIONS);
      return rows.length;
    } catch (error) {
      throw classifyMssqlError(error);
    }
  }

  private async ask(statement: string, params: MssqlParams, timeoutMs?: number): Promise<IResult<unknown>> {
    try {
      return await this.request(params, timeoutMs).query(statement);
    } catch (error) {
      throw classifyMssqlError(error);
    }
  }

  private request(params: MssqlParams, timeoutMs?: number): Request {
    const request = timeoutMs === undefined ? this.pool.request() : new (driver().Request as unknown as TimedRequest)(this.pool, { requestTimeout: timeoutMs });
    for (const [name, { type, value }] of Object.entries(params)) request.input(name, type, value);
    return request;
  }
}

/** About: as they are in memory, and on their way. */
function bytesOf(row: readonly unknown[]): number {
  return row.reduce<number>((sum, value) => sum + (typeof value === 'string' ? 2 * value.length : Buffer.isBuffer(value) ? value.length : 8), 0);
}
