import { silentLogger } from '@elstream/core';
import { connectPostgres } from '@elstream/database';
import { createTestDatabase } from '@elstream/testing';
import { TextPartitions } from './migrations/text-partitions';
import { controlDataSourceOptions, controlEntities, createControlStore } from './index';
import { connectionTo } from './product.fixture';

describe('the migration that names partitions by text', () => {
  it('keeps the checkpoints of a release that numbered its partitions, and the view on them', async () => {
    await using db = await createTestDatabase('migrate');
    const dataSource = await connectPostgres(connectionTo(db), controlEntities, controlDataSourceOptions);
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
});
