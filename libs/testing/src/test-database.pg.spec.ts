import { createTestDatabase } from './index';

describe('createTestDatabase', () => {
  it('gives each caller an empty database of its own and drops it with its slots and prepared transactions', async () => {
    let name: string;
    let url: string;
    await using other = await createTestDatabase();
    {
      await using db = await createTestDatabase('a');
      ({ name, url } = db);
      await db.query('CREATE TABLE t (a int8, b timestamptz)');
      await db.query("SELECT pg_create_logical_replication_slot('s_' || md5(current_database()), 'pgoutput')");
      const client = await db.client();
      await client.query("BEGIN; INSERT INTO t VALUES (9223372036854775807, '2020-01-01'); PREPARE TRANSACTION 'p'");
      expect(await db.queryText('SELECT 9223372036854775807 AS a, NULL AS b')).toEqual([{ a: '9223372036854775807', b: null }]);
      expect(await other.query("SELECT 1 FROM pg_class WHERE relname = 't'")).toEqual([]);
    }
    expect(await other.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])).toEqual([]);
    expect(await other.query('SELECT 1 FROM pg_replication_slots WHERE database = $1', [name])).toEqual([]);
    expect(url).toContain(name);
  });
});
