import { connectPostgres, DEFAULT_TIMEOUTS, inTransaction, onDatabase, type Sql } from '@elstream/database';
import { silentLogger } from '@elstream/core';
import { createTestDatabase } from '@elstream/testing';
import { exclusionContract } from '@elstream/warehouse-contract';
import { lockTables } from './control-state';
import { postgres } from './product.fixture';

exclusionContract(postgres);

describe('who excludes others and then is stopped, with rows of the server unread (R2)', () => {
  it('loses its connection, in that transaction alone', async () => {
    const database = await createTestDatabase('unread');
    try {
      const dataSource = await connectPostgres({ url: database.url, applicationName: 'test', maxConnections: 1, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 5_000, logger: silentLogger });
      const limit = async (sql: Sql): Promise<string | undefined> => (await sql.query<{ tcp_user_timeout: string }>('SHOW tcp_user_timeout'))[0]?.tcp_user_timeout;
      const held = await inTransaction(dataSource, async (sql) => {
        await lockTables(sql, { by: 'batch', partition: 'p-0' }, 'p', ['t']);
        return limit(sql);
      });
      expect([held, await onDatabase(dataSource, limit)]).toEqual(['30000', '0']);
      await dataSource.destroy();
    } finally {
      await database.drop();
    }
  });
});
