import { type Client } from 'pg';

/** Table and key column, as in sql/postgres/inventory.sql. */
export const KEYS = { products: 'id', products_on_hand: 'product_id', customers: 'id', orders: 'id' } as const;
export type DemoTable = keyof typeof KEYS;
export const TABLES = Object.keys(KEYS) as DemoTable[];

/** Needed at the source: the audit counts by the time of commit. */
export const AUDIT_SETTINGS = { track_commit_timestamp: 'on' } as const;

/**
 * A table at the source that is not replicated: one row per row changed, committed or rolled back with the change
 * itself. So it counts what happened without asking the product.
 */
export async function createAudit(client: Client): Promise<void> {
  await client.query(`
    CREATE SCHEMA demo;
    CREATE TABLE demo.audit (table_name text NOT NULL, op text NOT NULL, key_moved boolean NOT NULL);
    CREATE FUNCTION demo.audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO demo.audit VALUES (TG_TABLE_NAME, TG_OP, TG_ARGV[0]::boolean);
      RETURN NULL;
    END $$;`);
  for (const [table, key] of Object.entries(KEYS)) {
    await client.query(`
      CREATE TRIGGER audit AFTER INSERT OR DELETE ON inventory.${table} FOR EACH ROW EXECUTE FUNCTION demo.audit('false');
      CREATE TRIGGER audit_update AFTER UPDATE ON inventory.${table} FOR EACH ROW WHEN (OLD.${key} = NEW.${key}) EXECUTE FUNCTION demo.audit('false');
      CREATE TRIGGER audit_move AFTER UPDATE ON inventory.${table} FOR EACH ROW WHEN (OLD.${key} <> NEW.${key}) EXECUTE FUNCTION demo.audit('true');`);
  }
}

export interface AuditCount {
  readonly changes: number;
  readonly keyMoves: number;
}

/** Row changes committed after `from` and before `to`, by the source's clock. */
export async function countAudit(client: Client, from: string, to: string): Promise<AuditCount> {
  const { rows } = await client.query<{ changes: string; moves: string }>(
    `SELECT count(*) AS changes, count(*) FILTER (WHERE key_moved) AS moves FROM demo.audit
      WHERE pg_xact_commit_timestamp(xmin) > $1::timestamptz AND pg_xact_commit_timestamp(xmin) < $2::timestamptz`,
    [from, to],
  );
  return { changes: Number(rows[0]?.changes), keyMoves: Number(rows[0]?.moves) };
}

/** The source's time, to the microsecond. */
export async function sourceClock(client: Client): Promise<string> {
  const { rows } = await client.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  return rows[0]?.now ?? '';
}
