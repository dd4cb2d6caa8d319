import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { RunStage } from '@elstream/control';
import { createTestMssql, describeWith, eventually, testKafka, type TestMssql } from '@elstream/testing';
import { startPipeline, type RunningPipeline } from './pipeline.fixture';

jest.setTimeout(600_000);

const root = path.join(__dirname, '..', '..', '..');
const TABLES = ['products', 'products_on_hand', 'customers', 'orders'];
const KEYS: Readonly<Record<string, string>> = { products_on_hand: 'product_id' };

/** The script as sqlcmd would run it, in a database of the test's own. */
async function runScript(database: TestMssql, file: string): Promise<void> {
  const text = readFileSync(path.join(root, 'sql', 'mssql', file), 'utf8').replaceAll('testDB', database.name);
  for (const batch of text.split(/^GO\s*$/m)) if (batch.trim() !== '') await database.query(batch);
}

async function validated({ runtime, runEnds }: RunningPipeline): Promise<unknown> {
  const [pipeline = ''] = runtime.registry.names();
  const tables = [...(await runtime.registry.get(pipeline).mappings()).keys()];
  const stages: readonly RunStage[] = ['validate'];
  const { id } = await runtime.store.createRun({ pipeline, reason: 'manual', tables, stages });
  await runEnds(id);
  return runtime.overview.run(id);
}

/** Rows of a table of the sample on one side, as JSON made by the server. */
async function rowsOf(database: TestMssql, table: string, archived: '' | '_archive' = ''): Promise<string> {
  const columns = { products: 'id, name, description, weight', products_on_hand: 'product_id, quantity', customers: 'id, first_name, last_name, email', orders: 'id, order_date, purchaser, quantity, product_id' }[table] ?? '';
  const [row] = await database.query<{ json: string | null }>(`SELECT (SELECT ${columns}, valid_from, valid_to FROM dbo.[${table}${archived}] ORDER BY ${KEYS[table] ?? 'id'}, valid_from, valid_to FOR JSON PATH, INCLUDE_NULL_VALUES) AS json`);
  return row?.json ?? '';
}

describeWith(['cdc', 'agent', 'temporal-tables', 'applock', 'openjson', 'active-transactions', 'log-stats'], 'the sample from SQL Server to SQL Server', () => {
  it('goes by way of Debezium and Kafka with its history, through inserts, updates, deletes and changed keys', async () => {
    await using source = await createTestMssql('src');
    await using warehouse = await createTestMssql('wh');
    await runScript(source, 'inventory.sql');
    // It may be run again over what is there.
    await runScript(source, 'inventory.sql');
    const { brokers, connectUrl } = await testKafka();
    const stream = `type: kafka, brokers: '${brokers}', connect: { url: '${connectUrl}' }`;
    const settings = '\n  settings: [{ match: dbo.*, history: copied }]\n';
    await using pipeline = await startPipeline({ source, warehouse, stream, runMs: 180_000 }, TABLES.map((table) => `dbo.${table}`), settings);
    await pipeline.runEnds((await pipeline.startRun()).id);
    await source.query(`
      UPDATE dbo.products SET weight = weight * 2, description = NULL WHERE id > 105;
      INSERT INTO dbo.customers (first_name, last_name, email) VALUES ('Zoë', 'O''Neil', 'zoe@example.org');
      UPDATE dbo.products_on_hand SET product_id = product_id + 1000 WHERE 1 = 0;
      DELETE FROM dbo.orders WHERE id = 10004;
      BEGIN TRANSACTION; UPDATE dbo.orders SET quantity = quantity + 1; ROLLBACK;
      UPDATE dbo.orders SET quantity = quantity + 1 WHERE id = 10001;
      UPDATE dbo.orders SET quantity = quantity + 1 WHERE id = 10001;`);
    await eventually(async () => expect(await rowsOf(warehouse, 'orders')).toBe(await rowsOf(source, 'orders')), { timeoutMs: 120_000, intervalMs: 1_000, describe: 'the changes of orders' });
    expect(await validated(pipeline)).toMatchObject({ differences: 0, unverified: 0 });
    for (const table of TABLES) {
      expect(await rowsOf(warehouse, table)).toBe(await rowsOf(source, table));
      await eventually(async () => expect(await rowsOf(warehouse, table, '_archive')).toBe(await rowsOf(source, table, '_archive')), { timeoutMs: 60_000, intervalMs: 1_000, describe: `the history of ${table}` });
    }
  });
});
