import { type Bench } from './bench';
import { createEvents, createWriter, writeMarker } from './event-table';
import { type Measurement } from './measurement';
import { NativePeer } from './native-peer';
import { type Product } from './product';
import { settle } from './servers';
import { scalar, timed, until, withClient } from './sql';

const FIRST_MARKER = 2_000_000_000n;
const POLL_MS = 20;

/**
 * (b) Changes per second: written while both readers are paused, then each reads them alone. Timed from asking for the
 * resume until the last change is visible in its table.
 */
export async function benchStream(bench: Bench): Promise<Measurement[]> {
  const { servers, options, say } = bench;
  const { changes, transactionRows } = options;
  await createSource(bench);
  return bench.withProduct(async (product) => {
    await product.run();
    const native = options.peers ? await NativePeer.start(servers) : null;
    const measured: Measurement[] = [];
    for (const [round, perTransaction] of transactionRows.entries()) {
      const marker = FIRST_MARKER + BigInt(round);
      await product.pause();
      await native?.pause();
      await write(servers.sourceUrl, { first: 1 + round * changes, changes, perTransaction, marker });
      say(`stream: ${String(changes)} changes in transactions of ${String(perTransaction)} are written`);
      await settle(servers);
      const ms = await productCatchesUp(product, servers.warehouseUrl, marker);
      await product.pause();
      await settle(servers);
      const nativeMs = native === null ? null : await nativeCatchesUp(native, servers.warehouseUrl, marker);
      say(`stream: elstream took ${ms.toFixed(0)} ms${nativeMs === null ? '' : `, native logical replication ${nativeMs.toFixed(0)} ms`}`);
      measured.push({
        part: 'stream',
        what: `transactions of ${String(perTransaction)}`,
        value: (changes * 1000) / ms,
        unit: 'changes/s',
        ...(nativeMs === null ? {} : { peer: { name: 'native logical replication', value: (changes * 1000) / nativeMs } }),
      });
    }
    await native?.drop(servers.sourceUrl);
    return measured;
  });
}

/** The table of the source with rows for all rounds, and what writes them. @returns the number of rows */
export async function createSource({ servers, options: { changes, transactionRows } }: Bench): Promise<number> {
  const deletable = Math.ceil(changes / 3) * transactionRows.length;
  const rows = deletable + changes;
  await withClient(servers.sourceUrl, async (client) => {
    await createEvents(client, rows);
    await createWriter(client, { rows, deletable });
  });
  return rows;
}

async function write(url: string, how: { readonly first: number; readonly changes: number; readonly perTransaction: number; readonly marker: bigint }): Promise<void> {
  await withClient(url, async (client) => {
    // The writing is not measured.
    await client.query('SET synchronous_commit = off');
    await client.query('CALL public.write_changes($1, $2, $3)', [how.first, how.changes, how.perTransaction]);
    await client.query('SET synchronous_commit = on');
    await writeMarker(client, how.marker);
  });
}

async function productCatchesUp(product: Product, url: string, marker: bigint): Promise<number> {
  return withClient(url, async (client) =>
    timed(async () => {
      await product.resume();
      await product.until('the stream', async () => (await scalar(client, 'SELECT 1 FROM product.event WHERE id = $1', [marker.toString()])) !== null, POLL_MS);
    }),
  );
}

async function nativeCatchesUp(native: NativePeer, url: string, marker: bigint): Promise<number> {
  return withClient(url, async (client) =>
    timed(async () => {
      await native.resume();
      await until('native replication', async () => (await scalar(client, 'SELECT 1 FROM public.event WHERE id = $1', [marker.toString()])) !== null, { everyMs: POLL_MS });
    }),
  );
}
