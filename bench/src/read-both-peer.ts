import { type Client } from 'pg';
import { timed, withClient } from './sql';

const FETCH_ROWS = 10_000;

type Row = readonly (string | null)[];

/**
 * The plainest way to compare two tables: both read whole through a client each, ordered by key, cell text by cell text.
 * Returns milliseconds and the bytes of text that travelled; throws if the tables are not equal.
 */
export async function readBoth({ source, warehouse }: { readonly source: { readonly url: string; readonly sql: string }; readonly warehouse: { readonly url: string; readonly sql: string } }): Promise<{ readonly ms: number; readonly bytes: number }> {
  let bytes = 0;
  const ms = await timed(() =>
    withClient(source.url, (here) =>
      withClient(warehouse.url, async (there) => {
        await Promise.all([open(here, source.sql), open(there, warehouse.sql)]);
        for (;;) {
          const [left, right] = await Promise.all([fetchRows(here), fetchRows(there)]);
          if (left.length !== right.length) throw new Error('the tables have different numbers of rows');
          if (left.length === 0) return;
          left.forEach((row, i) => {
            row.forEach((cell, c) => {
              if (cell !== right[i]?.[c]) throw new Error(`row ${row[0] ?? ''} differs`);
              bytes += cell === null ? 0 : 2 * Buffer.byteLength(cell);
            });
          });
        }
      }),
    ),
  );
  return { ms, bytes };
}

async function open(client: Client, sql: string): Promise<void> {
  await client.query(`BEGIN; DECLARE rows NO SCROLL CURSOR FOR ${sql}`);
}

async function fetchRows(client: Client): Promise<Row[]> {
  const { rows } = await client.query<(string | null)[]>({ text: `FETCH ${String(FETCH_ROWS)} FROM rows`, rowMode: 'array', types: { getTypeParser: () => (value: unknown) => value } });
  return rows;
}
