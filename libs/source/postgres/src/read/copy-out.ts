import { type PoolClient } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { type DataSource } from 'typeorm';
import { classifyPostgresError } from '@elstream/database';
import { type ChunkRead } from '@elstream/source';

/**
 * Runs a COPY … TO STDOUT when `rows` is first asked, on a connection of the pool; a reader that is slow slows the
 * server down, as the socket is not read ahead. A read given up half-way (abort, error, early return) ends its
 * connection: whoever gets it next must not find the rest of the rows there.
 */
export function copyOut(dataSource: DataSource, statement: string, signal?: AbortSignal): ChunkRead {
  let count = 0;
  async function* rows(): AsyncGenerator<Uint8Array> {
    signal?.throwIfAborted();
    const runner = dataSource.createQueryRunner();
    let client: PoolClient | null = null;
    const end = (): void => {
      // with a statement under way the driver closes the socket at once; a failure means that it is closed
      client?.end().catch(() => undefined);
    };
    let whole = false;
    try {
      client = (await runner.connect()) as PoolClient;
      signal?.throwIfAborted();
      signal?.addEventListener('abort', end, { once: true });
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
      signal?.removeEventListener('abort', end);
      if (!whole) end();
      await runner.release();
    }
  }
  return { rows: { [Symbol.asyncIterator]: rows }, count: () => count };
}
