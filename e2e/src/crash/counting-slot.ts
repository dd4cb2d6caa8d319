import type { TestDatabase } from '@elstream/testing';

const name = (database: TestDatabase): string => `${database.name}_count`;

/** A second slot that nobody but the count reads. Nothing may change between the pipeline's slot and this one. */
export async function createCountingSlot(database: TestDatabase): Promise<void> {
  await database.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [name(database)]);
}

/**
 * Row and truncate messages of the publication since then, by the first byte of each pgoutput message; a truncate of
 * several tables counts once per table. Not taken from the product: this is the other opinion.
 */
export async function countLoggedEvents(database: TestDatabase, publication: string): Promise<number> {
  const [counted] = await database.query<{ n: string }>(
    `SELECT coalesce(sum(CASE chr(get_byte(data, 0))
              WHEN 'I' THEN 1 WHEN 'U' THEN 1 WHEN 'D' THEN 1
              WHEN 'T' THEN (get_byte(data, 1) << 24) + (get_byte(data, 2) << 16) + (get_byte(data, 3) << 8) + get_byte(data, 4)
              ELSE 0 END), 0)::text AS n
       FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', $2)`,
    [name(database), publication],
  );
  return Number(counted?.n);
}

export async function dropCountingSlot(database: TestDatabase): Promise<void> {
  await database.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NULL', [name(database)]);
}
