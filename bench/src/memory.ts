import { type Bench } from './bench';
import { createEvents, writeMarker } from './event-table';
import { type Measurement } from './measurement';
import { type Product } from './product';
import { scalar, withClient } from './sql';

/** Peak resident memory of the product's process, bytes. */
export interface Peaks {
  /** Preload and validation of the table, the stream idling. */
  readonly run: number;
  /** One transaction that changes many rows. */
  readonly transaction: number;
}

export interface MemoryLoad {
  readonly sourceUrl: string;
  readonly warehouseUrl: string;
  /** Rows of the one transaction; at most the rows of the table. */
  readonly transaction: number;
}

const MIB = 1024 * 1024;
const MARKER = 2_000_000_000n;

/** Preloads the table `public.event`, then streams one transaction that updates many of its rows. */
export async function measurePeaks(product: Product, { sourceUrl, warehouseUrl, transaction }: MemoryLoad): Promise<Peaks> {
  await product.run();
  const run = product.peakMemory();
  product.resetPeak();
  await withClient(sourceUrl, async (client) => {
    await client.query(`UPDATE public.event SET amount = amount + 1, note = 'in one transaction' WHERE id <= $1`, [transaction]);
    await writeMarker(client, MARKER);
  });
  await withClient(warehouseUrl, (client) =>
    product.until('the transaction', async () => (await scalar(client, 'SELECT 1 FROM product.event WHERE id = $1', [MARKER.toString()])) !== null, 100),
  );
  return { run, transaction: product.peakMemory() };
}

/** Peak memory while a large table is preloaded and one large transaction is streamed (R11). */
export async function benchMemory(bench: Bench): Promise<Measurement[]> {
  const { servers, options, say } = bench;
  say(`memory: ${String(options.memoryRows)} rows are made`);
  await withClient(servers.sourceUrl, (client) => createEvents(client, options.memoryRows));
  const peaks = await bench.withProduct((product) => measurePeaks(product, { ...servers, transaction: options.transaction }));
  return [
    { part: 'memory', what: `peak of a run over ${String(options.memoryRows)} rows`, value: peaks.run / MIB, unit: 'MiB' },
    { part: 'memory', what: `peak of one transaction of ${String(options.transaction)} rows`, value: peaks.transaction / MIB, unit: 'MiB' },
  ];
}
