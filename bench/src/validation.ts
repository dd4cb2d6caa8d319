import { type Bench } from './bench';
import { createEvents } from './event-table';
import { type Measurement } from './measurement';
import { readBoth } from './read-both-peer';
import { settle } from './servers';
import { scalar, withClient } from './sql';

const COLUMNS = 'id, account, kind, amount, rate, note, tag, happened, active, payload';
const SPAN = `SELECT extract(epoch FROM max(finished_at) - min(started_at)) * 1000 FROM elstream.task WHERE run_id = $1`;
const MIB = 2 ** 20;

/** (e) A validation of an equal table through the whole product, from the start of its planning to the end of its last range. */
export async function benchValidation(bench: Bench): Promise<Measurement[]> {
  const { servers, options, say } = bench;
  const { sourceUrl, warehouseUrl } = servers;
  const rows = options.validationRows;
  say(`validation: ${String(rows)} rows are made and preloaded`);
  await withClient(sourceUrl, (client) => createEvents(client, rows));
  return bench.withProduct(async (product) => {
    await product.run();
    await withClient(warehouseUrl, (client) => client.query('VACUUM (ANALYZE) product.event'));
    await settle(servers);
    const run = await product.validate();
    if (run.confirmedEqual !== rows) throw new Error(`${String(run.confirmedEqual)} of ${String(rows)} rows were found equal`);
    const ms = await withClient(warehouseUrl, async (client) => Number(await scalar(client, SPAN, [run.id])));
    const base = { part: 'validation', what: `${String(rows)} equal rows` } as const;
    if (!options.peers) return [{ ...base, value: ms, unit: 'ms', note: `${String(run.bytesMoved)} bytes moved` }];
    say(`validation: took ${ms.toFixed(0)} ms; now both sides are read`);
    await settle(servers);
    const peer = await readBoth({ source: { url: sourceUrl, sql: `SELECT ${COLUMNS} FROM public.event ORDER BY id` }, warehouse: { url: warehouseUrl, sql: `SELECT ${COLUMNS} FROM product.event ORDER BY id` } });
    const share = `${((100 * run.bytesMoved) / peer.bytes).toFixed(2)} % of the peer's bytes, ${((200 * run.bytesMoved) / peer.bytes).toFixed(2)} % of the table's`;
    const name = 'both sides read in key order';
    return [
      { ...base, value: ms, unit: 'ms', peer: { name, value: peer.ms } },
      { ...base, what: 'moved to the validator', value: run.bytesMoved / MIB, unit: 'MiB', peer: { name, value: peer.bytes / MIB }, note: share },
    ];
  });
}
