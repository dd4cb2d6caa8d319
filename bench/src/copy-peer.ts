import { pipeline } from 'node:stream/promises';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { COLUMNS } from './event-table';
import { timed, withClient } from './sql';

export interface CopyPeer {
  readonly sourceUrl: string;
  readonly warehouseUrl: string;
  /** Rows 1 … rows are copied in this many ranges of ids at once. */
  readonly rows: number;
  readonly ranges: number;
}

/**
 * The plainest way to copy the table: `COPY … TO STDOUT` piped into `COPY … FROM STDIN`, into an empty table with the
 * same primary key. Returns milliseconds.
 */
export async function copyThrough({ sourceUrl, warehouseUrl, rows, ranges }: CopyPeer): Promise<number> {
  await withClient(warehouseUrl, (client) => client.query(`CREATE SCHEMA IF NOT EXISTS peer; DROP TABLE IF EXISTS peer.event; CREATE TABLE peer.event ${COLUMNS}`));
  const bounds = Array.from({ length: ranges + 1 }, (_, i) => Math.floor((rows * i) / ranges));
  const copyRange = async (from: number, to: number): Promise<void> =>
    withClient(sourceUrl, async (source) => {
      await withClient(warehouseUrl, async (target) => {
        const out = source.query(copyTo(ranges === 1 ? 'COPY public.event TO STDOUT' : `COPY (SELECT * FROM public.event WHERE id > ${String(from)} AND id <= ${String(to)}) TO STDOUT`));
        await pipeline(out, target.query(copyFrom('COPY peer.event FROM STDIN')));
      });
    });
  return timed(() => Promise.all(bounds.slice(0, -1).map((from, i) => copyRange(from, bounds[i + 1] ?? from))));
}
