import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { QueryRunner } from 'typeorm';
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

/** A running `COPY … TO STDOUT`. */
export interface CopyOut extends AsyncIterable<Uint8Array> {
  /** Rows sent; valid once the iteration has ended. */
  rowCount(): number;
}

/** `COPY … TO STDOUT`: chunks end anywhere. The connection is busy until the iteration ends; errors arrive classified. */
export async function copyOut(runner: QueryRunner, sql: string): Promise<CopyOut> {
  const client = await driverConnection(runner);
  const stream = client.query(copyTo(sql));
  return {
    rowCount: () => stream.rowCount,
    async *[Symbol.asyncIterator]() {
      try {
        yield* stream as AsyncIterable<Uint8Array>;
      } catch (error) {
        throw classifyPostgresError(error);
      }
    },
  };
}
