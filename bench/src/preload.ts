import { copyThrough } from './copy-peer';
import { type Bench } from './bench';
import { createEvents } from './event-table';
import { type Measurement } from './measurement';
import { settle } from './servers';
import { scalar, withClient } from './sql';

const SPAN = `SELECT extract(epoch FROM max(finished_at) FILTER (WHERE kind = 'finish-table') - min(started_at) FILTER (WHERE kind = 'open-table')) * 1000
  FROM elstream.task WHERE run_id = $1`;

/** (a) Rows per second of a preload through the whole product: from the raising of the epoch to the end of the finish. */
export async function benchPreload(bench: Bench): Promise<Measurement[]> {
  const { servers, options, say } = bench;
  const { sourceUrl, warehouseUrl } = servers;
  const { rows } = options;
  say(`preload: ${String(rows)} rows are made`);
  await withClient(sourceUrl, (client) => createEvents(client, rows));
  const peers: { name: string; ms: number }[] = [];
  if (options.peers) {
    for (const ranges of [1, 4]) {
      await settle(servers);
      const ms = await copyThrough({ sourceUrl, warehouseUrl, rows, ranges });
      peers.push({ name: ranges === 1 ? 'COPY | COPY' : `COPY | COPY, ${String(ranges)} ranges at once`, ms });
      say(`preload: ${peers.at(-1)?.name ?? ''} took ${ms.toFixed(0)} ms`);
    }
    await withClient(warehouseUrl, (client) => client.query('DROP TABLE peer.event'));
  }
  await settle(servers);
  const ms = await bench.withProduct(async (product) => {
    const runId = await product.run();
    return withClient(warehouseUrl, async (client) => Number(await scalar(client, SPAN, [runId])));
  });
  const rate = (took: number): number => (rows * 1000) / took;
  const base = { part: 'preload', what: `${String(rows)} rows`, value: rate(ms), unit: 'rows/s' } as const;
  return peers.length === 0 ? [base] : peers.map((peer) => ({ ...base, peer: { name: peer.name, value: rate(peer.ms) } }));
}
