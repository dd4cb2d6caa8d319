import { silentLogger } from '@elstream/core';
import type { DataSource } from 'typeorm';
import { controlDataSourceOptionsFor, controlEntitiesFor, createControlStore } from './index';
import { connectionTo, type TestControlDatabase, type TestProduct } from './product.fixture';

export const migrateContract = (product: TestProduct): void => describe('migrating the control tables', () => {
  const open = (db: TestControlDatabase): Promise<DataSource> => product.connect(connectionTo(db), controlEntitiesFor(product.product), controlDataSourceOptionsFor(product.product));
  const tables = (db: TestControlDatabase) => db.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'elstream'");

  it('succeeds in every process of several that start at once, and is done once', async () => {
    await using db = await product.create('migrate');
    const stores = await Promise.all(Array.from({ length: 4 }, () => createControlStore({ connection: connectionTo(db), logger: silentLogger })));
    await Promise.all(stores.map((s) => s.migrate()));
    await stores[0]!.migrate();
    expect(await db.query('SELECT name FROM elstream.migration ORDER BY "timestamp"')).toEqual(
      product.migrations.map((Migration) => ({ name: new Migration().name })),
    );
    expect((await stores[3]!.registerPipeline('p')).name).toBe('p');
    await Promise.all(stores.map((s) => s.close()));
  });

  it('makes tables that are exactly what the entities say', async () => {
    await using db = await product.create('migrate');
    const dataSource = await open(db);
    const store = await createControlStore({ dataSource, logger: silentLogger });
    await store.migrate();
    const columns = await db.query<{ table_name: string; column_name: string; data_type: string; nullable: string; given: number }>(product.columns);
    const inDatabase = columns.map((c) => [c.table_name, c.column_name, c.data_type, c.nullable === 'YES', c.given === 1]);
    const inEntities = dataSource.entityMetadatas.flatMap((entity) =>
      entity.columns.map((c) => {
        const type = String(c.type);
        return [entity.tableName, c.databaseName, product.types[type] ?? type, c.isNullable, c.default !== undefined || c.isGenerated];
      }),
    );
    const sorted = (rows: unknown[][]): string[] => rows.map((r) => JSON.stringify(r)).sort();
    expect(sorted(inDatabase)).toEqual(sorted(inEntities));
    // The store closes only what it opened itself.
    await store.close();
    expect(dataSource.isInitialized).toBe(true);
    await dataSource.destroy();
  });

  it('refuses control tables of a newer version, naming the migration, and changes nothing', async () => {
    await using db = await product.create('migrate');
    const store = await createControlStore({ connection: connectionTo(db), logger: silentLogger });
    await store.migrate();
    await db.query(`INSERT INTO elstream.migration (timestamp, name) VALUES (1999999999999, 'FromTheFuture1999999999999')`);
    await expect(store.migrate()).rejects.toMatchObject({
      code: 'CONTROL_SCHEMA_NEWER',
      recovery: 'refuse',
      message: expect.stringContaining('FromTheFuture1999999999999'),
    });
    await store.close();
  });

  it('leaves nothing behind when a table of ours is in the way, and says which', async () => {
    await using db = await product.create('migrate');
    await db.query('CREATE SCHEMA elstream');
    await db.query('CREATE TABLE elstream.run_event (x int)');
    const store = await createControlStore({ connection: connectionTo(db), logger: silentLogger });
    await expect(store.migrate()).rejects.toMatchObject({ recovery: 'stop', message: expect.stringContaining('run_event') });
    expect(await tables(db)).toEqual([{ table_name: 'run_event' }]);
    await store.close();
  });

  it('refuses a DataSource that would note migrations elsewhere', async () => {
    await using db = await product.create('migrate');
    const dataSource = await product.connect(connectionTo(db), controlEntitiesFor(product.product));
    const store = await createControlStore({ dataSource, logger: silentLogger });
    await expect(store.migrate()).rejects.toMatchObject({ code: 'CONTROL_DATA_SOURCE' });
    await dataSource.destroy();
  });

  it('can be undone', async () => {
    await using db = await product.create('migrate');
    const dataSource = await open(db);
    const store = await createControlStore({ dataSource, logger: silentLogger });
    await store.migrate();
    for (const _migration of product.migrations) await dataSource.undoLastMigration();
    expect(await tables(db)).toEqual([{ table_name: 'migration' }]);
    await store.migrate();
    await dataSource.destroy();
  });
});
