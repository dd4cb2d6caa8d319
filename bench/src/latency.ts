import { type Bench } from './bench';
import { createEvents } from './event-table';
import { type Measurement } from './measurement';
import { NativePeer } from './native-peer';
import { percentile } from './percentiles';
import { connect, scalar, withClient } from './sql';

/** Rows the table holds beforehand. */
const ROWS = 200_000;
/** Changes of one transaction: six inserts, two updates, two deletes of rows inserted before. */
const INSERTS = 6;
const PER_TRANSACTION = 10;
const POLL_MS = 2;
const DRAIN_MS = 30_000;

/**
 * (c) From sending COMMIT at the source until another session sees the transaction's last row in the warehouse, at a steady
 * rate. Writer and watcher are this one process, so there is one clock; the watcher looks every 2 ms.
 */
export async function benchLatency(bench: Bench): Promise<Measurement[]> {
  const { servers, options, say } = bench;
  await withClient(servers.sourceUrl, (client) => createEvents(client, ROWS));
  const own = await bench.withProduct(async (product) => {
    await product.run();
    return steadyLoad(bench, 'product.event', 3_000_000_000);
  });
  say(`latency: elstream measured over ${String(own.length)} transactions`);
  let peer: number[] | null = null;
  if (options.peers) {
    const native = await NativePeer.start(servers);
    peer = await steadyLoad(bench, 'public.event', 4_000_000_000);
    await native.drop(servers.sourceUrl);
  }
  return [50, 95, 99, 100].map((p) => ({
    part: 'latency',
    what: `${p === 100 ? 'maximum' : `p${String(p)}`} at ${String(options.rate)} changes/s`,
    value: percentile(own, p),
    unit: 'ms',
    ...(peer === null ? {} : { peer: { name: 'native logical replication', value: percentile(peer, p) } }),
  }));
}

interface Sent {
  readonly lastId: number;
  readonly at: number;
}

/** Writes for the set time while watching `table`; returns the latency of each transaction, ms. */
async function steadyLoad({ servers, options }: Bench, table: string, firstId: number): Promise<number[]> {
  const sent: Sent[] = [];
  const latencies: number[] = [];
  let writing = true;
  const watcher = await connect(servers.warehouseUrl);
  const watch = async (): Promise<void> => {
    const deadline = performance.now() + options.seconds * 1000 + DRAIN_MS;
    while (writing || latencies.length < sent.length) {
      if (performance.now() > deadline) throw new Error(`${String(sent.length - latencies.length)} transactions did not arrive in ${table}`);
      const seen = Number((await scalar(watcher, `SELECT max(id) FROM ${table}`)) ?? 0);
      const now = performance.now();
      for (let next = sent[latencies.length]; next !== undefined && next.lastId <= seen; next = sent[latencies.length]) latencies.push(now - next.at);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  const watching = watch();
  try {
    await Promise.race([write(servers.sourceUrl, options, { firstId, sent }), watching]);
  } finally {
    writing = false;
    await watching.finally(() => watcher.end());
  }
  return latencies;
}

async function write(url: string, { seconds, rate }: Bench['options'], { firstId, sent }: { readonly firstId: number; readonly sent: Sent[] }): Promise<void> {
  const transactions = Math.ceil((seconds * rate) / PER_TRANSACTION);
  const everyMs = (1000 * PER_TRANSACTION) / rate;
  await withClient(url, async (client) => {
    const began = performance.now();
    for (let n = 0; n < transactions; n += 1) {
      const behind = began + n * everyMs - performance.now();
      if (behind > 0) await new Promise((resolve) => setTimeout(resolve, behind));
      const first = firstId + n * INSERTS;
      const last = first + INSERTS - 1;
      const update = 1 + ((n * 7919) % (ROWS - 1));
      await client.query(`BEGIN;
        INSERT INTO public.event SELECT i, i % 1000, 'kind', 1.25, 2.5, 'note ' || i, NULL, now(), true, '{"n": 1}' FROM generate_series(${String(first)}, ${String(last)}) AS i;
        UPDATE public.event SET amount = amount + 1, note = 'changed' WHERE id IN (${String(update)}, ${String(update + 1)});
        DELETE FROM public.event WHERE id IN (${String(first - 3 * INSERTS)}, ${String(first - 3 * INSERTS + 1)})`);
      const at = performance.now();
      // Known before the answer is: the row may be visible at the other side by then.
      sent.push({ lastId: last, at });
      await client.query('COMMIT');
    }
  });
}
