import { type Client } from 'pg';

/** The table of all parts: ten columns, about 190 bytes a row on disk. */
export const COLUMNS = `(id bigint PRIMARY KEY, account int NOT NULL, kind text NOT NULL, amount numeric(12,2), rate double precision,
  note text, tag uuid, happened timestamptz NOT NULL, active boolean, payload jsonb)`;

/** Values of the row with this id, SQL over the variable `id`. */
const values = (id: string): string => `${id}, (${id} % 50000)::int, 'kind ' || ${id} % 12, (${id} % 1000000) / 7.0, sqrt(${id}),
  CASE WHEN ${id} % 5 > 0 THEN md5(${id}::text) || ' note' END, md5((-${id})::text)::uuid, timestamptz '2026-01-01 00:00+00' + ${id} * interval '37 ms',
  ${id} % 3 = 0, jsonb_build_object('n', ${id}, 'who', 'user ' || ${id} % 999)`;

/** Makes the table with ids 1 … rows, statistics included. */
export async function createEvents(client: Client, rows: number): Promise<void> {
  await client.query(`DROP TABLE IF EXISTS public.event; CREATE TABLE public.event ${COLUMNS}`);
  await client.query(`INSERT INTO public.event SELECT ${values('id')} FROM generate_series(1::bigint, ${String(rows)}) AS id`);
  await client.query('VACUUM (ANALYZE) public.event');
}

/**
 * A procedure that commits changes `first` … `first + n - 1`, a third each inserts, updates and deletes, `per_tx` rows a
 * transaction. Rows 1 … `deletable` are for deletes, updates go to the others up to `rows`. Inserts have ids above 10^9.
 */
export async function createWriter(client: Client, { rows, deletable }: { readonly rows: number; readonly deletable: number }): Promise<void> {
  await client.query(`CREATE OR REPLACE PROCEDURE public.write_changes(first bigint, n bigint, per_tx int) LANGUAGE plpgsql AS $$
    DECLARE new_id bigint;
    BEGIN
      FOR i IN first .. first + n - 1 LOOP
        CASE i % 3
          WHEN 0 THEN new_id := 1000000000 + i; INSERT INTO public.event SELECT ${values('new_id')};
          WHEN 1 THEN UPDATE public.event SET amount = amount + 1, note = 'change ' || i, happened = happened + interval '1 s'
            WHERE id = ${String(deletable)} + 1 + (i::bigint * 7919) % ${String(rows - deletable)};
          ELSE DELETE FROM public.event WHERE id = i / 3 + 1;
        END CASE;
        IF (i - first + 1) % per_tx = 0 THEN COMMIT; END IF;
      END LOOP;
    END $$`);
}

/** Marks the end of a stretch of changes; visible at the other side once everything before is. */
export async function writeMarker(client: Client, id: bigint): Promise<void> {
  await client.query(`INSERT INTO public.event SELECT ${values('m.id')} FROM (SELECT $1::bigint AS id) AS m`, [id.toString()]);
}
