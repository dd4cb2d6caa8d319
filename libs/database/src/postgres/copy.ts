import { pipeline } from 'node:stream/promises';
import type { ClientBase, PoolClient } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { DataSource, QueryRunner } from 'typeorm';
import { cancelOnAbort } from './cancel';
import { classifyPostgresError, isDatabaseError } from './errors';

/** The driver's connection under a query runner: COPY is the one thing TypeORM has no call for. */
async function driverConnection(runner: QueryRunner): Promise<ClientBase> {
  return (await runner.connect()) as ClientBase;
}

/**
 * `COPY … FROM STDIN` with back-pressure. Resolves with the rows taken when the server has confirmed all of them.
 * If `chunks` throws, the COPY is aborted and that error arrives.
 */
export async function copyIn(runner: QueryRunner, sql: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<number> {
  const client = await driverConnection(runner);
  const stream = client.query(copyFrom(sql));
  try {
    await pipeline(chunks, stream);
  } catch (error) {
    throw isDatabaseError(error) ? classifyPostgresError(error) : error;
  }
  return stream.rowCount ?? 0;
}

/** A `COPY … TO STDOUT`: pieces end anywhere; `count` is the rows sent, valid once `rows` has ended. */
export interface CopyOut {
  readonly rows: AsyncIterable<Uint8Array>;
  readonly count: () => number;
}

/**
 * Runs a COPY … TO STDOUT when `rows` is first asked, on a connection of the pool; a reader that is slow slows the
 * server down, as the socket is not read ahead. A read given up half-way (abort, error, early return) ends its
 * connection: whoever gets it next must not find the rest of the rows there. Aborting cancels the statement at the server.
 */
export function copyOut(dataSource: DataSource, statement: string, signal?: AbortSignal): CopyOut {
  let count = 0;
  async function* rows(): AsyncGenerator<Uint8Array> {
    signal?.throwIfAborted();
    const runner = dataSource.createQueryRunner();
    let client: PoolClient | null = null;
    let settled: (() => Promise<void>) | null = null;
    let whole = false;
    try {
      client = (await runner.connect()) as PoolClient;
      signal?.throwIfAborted();
      settled = cancelOnAbort(dataSource, client, signal);
      const copy = client.query(copyTo(statement));
      // The driver reports errors by emitting; destroying makes them reach the loop below, whenever it reads next.
      copy.on('error', (error: Error) => copy.destroy(error));
      for await (const piece of copy as AsyncIterable<Buffer>) yield piece;
      // The stream ends at CopyDone; the command tag with the row count comes after it, before the next statement's answer.
      await client.query('SELECT 1');
      count = copy.rowCount;
      whole = true;
    } catch (error) {
      signal?.throwIfAborted();
      throw classifyPostgresError(error);
    } finally {
      await settled?.();
      // with a statement under way the driver closes the socket at once; a failure means that it is closed
      if (!whole) client?.end().catch(() => undefined);
      await runner.release();
    }
  }
  return { rows: { [Symbol.asyncIterator]: rows }, count: () => count };
}
