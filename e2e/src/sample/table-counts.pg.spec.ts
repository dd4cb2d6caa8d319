import { createTestDatabase } from '@elstream/testing';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const sql = (name: string): string => readFileSync(path.join(__dirname, '..', '..', '..', 'sql', 'postgres', name), 'utf8');

describe('sql/postgres/table-counts.sql', () => {
  it('counts the rows of every table of the sample, run by any client', async () => {
    await using database = await createTestDatabase('counts');
    await database.query(sql('inventory.sql'));
    await database.query("UPDATE inventory.customers SET email = 'x@y' WHERE id = 1001; DELETE FROM inventory.orders WHERE id = 10004");
    const counts = Object.fromEntries((await database.queryText(sql('table-counts.sql'))).map((r) => [r['table_name'], r['rows']]));
    expect(counts).toMatchObject({ products: '9', products_archive: '0', customers: '4', customers_archive: '1', orders: '3', orders_archive: '1' });
  });

  it('counts another schema where it is told so, whatever its tables are called', async () => {
    await using database = await createTestDatabase('counts');
    await database.query(`CREATE SCHEMA "w.h"; CREATE TABLE "w.h"."Dotted.""Name" (x int); INSERT INTO "w.h"."Dotted.""Name" SELECT generate_series(1, 5); SET table_counts.schema = 'w.h'`);
    expect(await database.queryText(sql('table-counts.sql'))).toEqual([{ table_name: 'Dotted."Name', rows: '5' }]);
  });
});
