import { readFileSync } from 'node:fs';
import { withClient } from './embedded';
import { generatorSql, inventorySql } from './paths';

/** Rows added to the tutorial's few. Every product also has a row in products_on_hand. */
export interface SampleSize {
  readonly customers: number;
  readonly orders: number;
  readonly products: number;
}

/** Makes the sample database (sql/postgres/inventory.sql) as the server's superuser; rows are added once, at the first call. Returns how many. */
export async function seedSample(url: string, size: SampleSize): Promise<number> {
  return withClient(url, async (client) => {
    await client.query(readFileSync(inventorySql, 'utf8'));
    // The generator draws from the sequence; the tutorial's rows bring their own ids.
    const drawn = await client.query<{ is_called: boolean }>('SELECT is_called FROM inventory.customers_id_seq');
    if (drawn.rows[0]?.is_called === true) return 0;
    await client.query(readFileSync(generatorSql, 'utf8'));
    // Triggers and foreign keys have nothing to do for rows that are new and point to each other: four times as fast.
    await client.query('SET session_replication_role = replica');
    const made = await client.query<{ rows: string }>('SELECT inventory_generate(customers => $1, orders => $2, products => $3) AS rows', [size.customers, size.orders, size.products]);
    return Number(made.rows[0]?.rows ?? 0);
  });
}
