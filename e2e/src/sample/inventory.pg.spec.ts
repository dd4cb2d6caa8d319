import { loadPipelineFile } from '@elstream/config';
import { createTestDatabase, type TestDatabase } from '@elstream/testing';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '..', '..', '..');
const sql = (name: string): string => readFileSync(path.join(root, 'sql', 'postgres', name), 'utf8');
const OPEN_END = '9999-12-31 23:59:59.999999+00';
const TABLES = ['products', 'products_on_hand', 'customers', 'orders'];

async function inventory(): Promise<TestDatabase> {
  const database = await createTestDatabase('inventory');
  await database.query(sql('inventory.sql'));
  await database.query("SET timezone = 'UTC'");
  return database;
}

async function counts(database: TestDatabase): Promise<Record<string, number>> {
  const out: Record<string, number> = {};
  for (const table of TABLES.flatMap((t) => [t, `${t}_archive`])) {
    out[table] = Number((await database.queryText(`SELECT count(*) AS n FROM inventory.${table}`))[0]?.['n']);
  }
  return out;
}

describe('sql/postgres/inventory.sql', () => {
  it('makes the four tables with the rows of the tutorial and empty archives', async () => {
    await using database = await inventory();
    expect(await counts(database)).toEqual({
      products: 9,
      products_archive: 0,
      products_on_hand: 9,
      products_on_hand_archive: 0,
      customers: 4,
      customers_archive: 0,
      orders: 4,
      orders_archive: 0,
    });
  });

  it('gives new rows the next ids', async () => {
    await using database = await inventory();
    const ids = await database.queryText(`
      WITH c AS (INSERT INTO inventory.customers (first_name, last_name, email) VALUES ('a', 'b', 'c') RETURNING id),
           p AS (INSERT INTO inventory.products (name) VALUES ('a') RETURNING id)
      INSERT INTO inventory.orders (order_date, purchaser, quantity, product_id) VALUES ('2020-01-01', 1001, 1, 101)
      RETURNING id, (SELECT id FROM c) AS c, (SELECT id FROM p) AS p`);
    expect(ids).toEqual([{ id: '10005', c: '1005', p: '110' }]);
  });

  it('run again over data loses, changes and doubles no row, and keeps its triggers', async () => {
    await using database = await inventory();
    await database.query("UPDATE inventory.customers SET email = 'x@y' WHERE id = 1001; DELETE FROM inventory.orders WHERE id = 10004");
    const before = [await counts(database), await database.queryText('SELECT * FROM inventory.customers ORDER BY id')];
    await database.query(sql('inventory.sql'));
    await database.query(sql('inventory.sql'));
    expect([await counts(database), await database.queryText('SELECT * FROM inventory.customers ORDER BY id')]).toEqual(before);
    await database.query("UPDATE inventory.customers SET email = 'z@y' WHERE id = 1001");
    expect((await counts(database))['customers_archive']).toBe(2);
  });

  it('run by two at once succeeds for both', async () => {
    await using database = await createTestDatabase('inventory');
    const [a, b] = [await database.client(), await database.client()];
    await Promise.all([a.query(sql('inventory.sql')), b.query(sql('inventory.sql'))]);
    expect((await counts(database))['orders']).toBe(4);
  });

  it('keeps every superseded version, contiguous from its first to the open end', async () => {
    await using database = await inventory();
    await database.query("UPDATE inventory.products SET weight = 4 WHERE id = 101");
    await database.query("UPDATE inventory.products SET weight = 5 WHERE id = 101");
    const versions = await database.queryText(`
      SELECT weight, valid_to = lead(valid_from) OVER w AS contiguous, valid_to
        FROM (SELECT * FROM inventory.products_archive UNION ALL SELECT * FROM inventory.products) v
       WHERE id = 101 WINDOW w AS (ORDER BY valid_from, weight) ORDER BY valid_from, weight`);
    expect(versions.map((v) => [v['weight'], v['contiguous']])).toEqual([['3.14', 't'], ['4', 't'], ['5', null]]);
    expect(versions[2]?.['valid_to']).toBe(OPEN_END);
  });

  it('keeps two changes of a row inside one clock tick', async () => {
    await using database = await inventory();
    await database.query('BEGIN; UPDATE inventory.products_on_hand SET quantity = 1 WHERE product_id = 101; UPDATE inventory.products_on_hand SET quantity = 2 WHERE product_id = 101; COMMIT');
    const archive = await database.queryText('SELECT quantity, valid_from = valid_to AS instant FROM inventory.products_on_hand_archive ORDER BY valid_from, quantity DESC');
    expect(archive).toEqual([{ quantity: '3', instant: 'f' }, { quantity: '1', instant: 't' }]);
  });

  it('never ends a version before it began, though the transaction began earlier than the version', async () => {
    await using database = await inventory();
    const early = await database.client();
    await early.query('BEGIN; SELECT now()');
    await database.query("UPDATE inventory.customers SET first_name = 'first' WHERE id = 1001");
    await early.query("UPDATE inventory.customers SET first_name = 'second' WHERE id = 1001; DELETE FROM inventory.orders WHERE id = 10001; COMMIT");
    const wrong = await database.queryText(`
      SELECT id FROM inventory.customers_archive WHERE valid_to < valid_from
      UNION ALL SELECT id FROM inventory.orders_archive WHERE valid_to < valid_from`);
    expect(wrong).toEqual([]);
  });

  it('keeps the last version of deleted and of truncated rows, and none of a rolled-back change', async () => {
    await using database = await inventory();
    await database.query('BEGIN; DELETE FROM inventory.orders; ROLLBACK');
    await database.query('DELETE FROM inventory.orders WHERE id = 10001');
    await database.query('TRUNCATE inventory.orders');
    const rows = await database.queryText('SELECT id, valid_to < now() AS ended FROM inventory.orders_archive ORDER BY id');
    expect(rows).toEqual(['10001', '10002', '10003', '10004'].map((id) => ({ id, ended: 't' })));
  });

  it('lets a key change that others point to, and takes no period from the writer', async () => {
    await using database = await inventory();
    await database.query("UPDATE inventory.customers SET id = 5000, valid_from = '1999-01-01', valid_to = '1999-01-01' WHERE id = 1002");
    expect(await database.queryText('SELECT purchaser FROM inventory.orders WHERE id IN (10002, 10003)')).toEqual([{ purchaser: '5000' }, { purchaser: '5000' }]);
    expect(await database.queryText("SELECT valid_from > '2020-01-01' AS set_by_trigger, valid_to FROM inventory.customers WHERE id = 5000")).toEqual([{ set_by_trigger: 't', valid_to: OPEN_END }]);
    expect(await database.queryText('SELECT id FROM inventory.customers_archive')).toEqual([{ id: '1002' }]);
  });
});

describe('sql/postgres/generate-inventory.sql', () => {
  it('adds as many rows as asked for, every time, with a stock for each product', async () => {
    await using database = await inventory();
    await database.query(sql('generate-inventory.sql'));
    expect(await database.queryText('SELECT inventory_generate(200, 1000, 50) AS n')).toEqual([{ n: '1300' }]);
    await database.query(sql('generate-inventory.sql'));
    await database.query('SELECT inventory_generate(customers => 20, orders => 100, products => 5)');
    expect(await counts(database)).toMatchObject({ customers: 224, orders: 1104, products: 64, products_on_hand: 64, customers_archive: 0 });
    expect(await database.queryText('SELECT count(DISTINCT purchaser) > 150 AS spread FROM inventory.orders')).toEqual([{ spread: 't' }]);
  });

  it('holds values at the edges of their types', async () => {
    await using database = await inventory();
    await database.query(sql('generate-inventory.sql'));
    await database.query('SELECT inventory_generate(20, 20, 20)');
    const found = async (query: string): Promise<(string | null)[]> => (await database.queryText(query)).map((row) => row['v'] ?? null);
    expect(await found('SELECT weight AS v FROM inventory.products')).toEqual(expect.arrayContaining(['NaN', 'Infinity', '-Infinity', '-0', '5e-324', '1.7976931348623157e+308', null]));
    expect(await found('SELECT order_date AS v FROM inventory.orders')).toEqual(expect.arrayContaining(['infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '9999-12-31']));
    expect(await found('SELECT quantity AS v FROM inventory.orders')).toEqual(expect.arrayContaining(['-2147483648', '2147483647', '0']));
    expect(await found('SELECT description AS v FROM inventory.products')).toEqual(expect.arrayContaining(['', '\\N', 'tab\there', 'ü'.repeat(255), null]));
    expect(await found('SELECT first_name AS v FROM inventory.customers')).toEqual(expect.arrayContaining(['', '𝄞 beyond the BMP 👩‍👩‍👧']));
  });

  it('refuses orders without customers', async () => {
    await using database = await inventory();
    await database.query(sql('generate-inventory.sql'));
    await database.query('TRUNCATE inventory.orders; DELETE FROM inventory.customers');
    await expect(database.query('SELECT inventory_generate(0, 1, 0)')).rejects.toThrow('orders need customers and products');
    await expect(database.query('SELECT inventory_generate(-1, 0, 0)')).rejects.toThrow('must not be negative');
  });
});

describe('pipelines/inventory.yaml', () => {
  it('names the four current tables and nothing else', () => {
    const { config, warnings } = loadPipelineFile(path.join(root, 'pipelines', 'inventory.yaml'), { SOURCE_URL: 'postgres://a:b@c/d', WAREHOUSE_URL: 'postgres://a:b@c/e' });
    expect(config.tables.include).toEqual(TABLES.map((table) => `inventory.${table}`));
    expect(warnings).toEqual([]);
  });
});
