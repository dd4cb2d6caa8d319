import { silentLogger } from '@elstream/core';
import { connectPostgres } from '@elstream/database';
import { createTestDatabase, type TestDatabase } from '@elstream/testing';
import type { DataSource } from 'typeorm';
import { controlMigrations } from './migrate';
import { TextPartitions } from './migrations/text-partitions';
import { controlDataSourceOptions, controlEntities, createControlStore } from './index';
import { connectionTo } from './test-connection.fixture';

describe('migrating the control tables', () => {
  const open = (db: TestDatabase): Promise<DataSource> => connectPostgres(connectionTo(db), controlEntities, controlDataSourceOptions);

  it('succeeds in every process of several that start at once, and is done once', async () => {
    await using db = await createTestDatabase('migrate');
    const stores = await Promise.all(Array.from({ length: 4 }, () => createControlStore({ connection: connectionTo(db), logger: silentLogger })));
    await Promise.all(stores.map((s) => s.migrate()));
    await stores[0]!.migrate();
    expect(await db.query('SELECT name FROM elstream.migration ORDER BY timestamp')).toEqual(
      controlMigrations.map((Migration) => ({ name: new Migration().name })),
    );
    expect((await stores[3]!.registerPipeline('p')).name).toBe('p');
    await Promise.all(stores.map((s) => s.close()));
  });

  it('makes tables that are exactly what the entities say', async () => {
    await using db = await createTestDatabase('migrate');
    const dataSource = await open(db);
    const store = await createControlStore({ dataSource, logger: silentLogger });
    await store.migrate();
    const columns = await db.query<{ table_name: string; column_name: string; data_type: string; is_nullable: string; has_default: boolean }>(
      `SELECT table_name, column_name, data_type, is_nullable, column_default IS NOT NULL OR is_identity = 'YES' AS has_default
       FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
       WHERE table_schema = 'elstream' AND table_type = 'BASE TABLE' AND table_name <> 'migration' ORDER BY 1, 2`,
    );
    const inDatabase = columns.map((c) => [c.table_name, c.column_name, c.data_type, c.is_nullable === 'YES', c.has_default]);
    const names: Record<string, string> = { int: 'integer', timestamptz: 'timestamp with time zone' };
    const inEntities = dataSource.entityMetadatas.flatMap((entity) =>
      entity.columns.map((c) => {
        const type = String(c.type);
        return [entity.tableName, c.databaseName, names[type] ?? type, c.isNullable, c.default !== undefined || c.isGenerated];
      }),
    );
    const sorted = (rows: unknown[][]): string[] => rows.map((r) => JSON.stringify(r)).sort();
    expect(sorted(inDatabase)).toEqual(sorted(inEntities));
    // The store closes only what it opened itself.
    await store.close();
    expect(dataSource.isInitialized).toBe(true);
    await dataSource.destroy();
  });

  it('keeps the checkpoints of a release that numbered its partitions, and the view on them', async () => {
    await using db = await createTestDatabase('migrate');
    const dataSource = await open(db);
    const store = await createControlStore({ dataSource, logger: silentLogger });
    await store.migrate();
    const runner = dataSource.createQueryRunner();
    await new TextPartitions().down(runner);
    await db.query(`INSERT INTO elstream.checkpoint (pipeline, partition, generation, next_offset, highest) VALUES ('p', 0, 3, '0c', '0b'), ('q', 12, 1, '0d', NULL)`);
    await new TextPartitions().up(runner);
    await runner.release();
    expect(await db.query(`SELECT pipeline, partition, generation, next_offset, highest FROM elstream.checkpoint ORDER BY 1`)).toEqual([
      { pipeline: 'p', partition: '0', generation: 3, next_offset: '0c', highest: '0b' },
      { pipeline: 'q', partition: '12', generation: 1, next_offset: '0d', highest: null },
    ]);
    expect(await db.query('SELECT next_offset FROM elstream.load_history')).toEqual([]);
    await dataSource.destroy();
  });

  it('refuses control tables of a newer version, naming the migration, and changes nothing', async () => {
    await using db = await createTestDatabase('migrate');
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
    await using db = await createTestDatabase('migrate');
    await db.query('CREATE SCHEMA elstream CREATE TABLE run_event (x int)');
    const store = await createControlStore({ connection: connectionTo(db), logger: silentLogger });
    await expect(store.migrate()).rejects.toMatchObject({ recovery: 'stop', message: expect.stringContaining('run_event') });
    expect(await db.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'elstream'")).toEqual([{ table_name: 'run_event' }]);
    await store.close();
  });

  it('refuses a DataSource that would note migrations elsewhere', async () => {
    await using db = await createTestDatabase('migrate');
    const dataSource = await connectPostgres(connectionTo(db), controlEntities);
    const store = await createControlStore({ dataSource, logger: silentLogger });
    await expect(store.migrate()).rejects.toMatchObject({ code: 'CONTROL_DATA_SOURCE' });
    await dataSource.destroy();
  });

  it('can be undone', async () => {
    await using db = await createTestDatabase('migrate');
    const dataSource = await open(db);
    const store = await createControlStore({ dataSource, logger: silentLogger });
    await store.migrate();
    for (const _migration of controlMigrations) await dataSource.undoLastMigration();
    expect(await db.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'elstream'")).toEqual([{ table_name: 'migration' }]);
    await store.migrate();
    await dataSource.destroy();
  });
});
