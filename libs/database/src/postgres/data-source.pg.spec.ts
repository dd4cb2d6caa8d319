import { silentLogger } from '@elstream/core';
import { createTestDatabase } from '@elstream/testing';
import type { Pool } from 'pg';
import { inTransaction, onDatabase } from '../on-database';
import { CANONICAL_SETTINGS, connectPostgres, DEFAULT_TIMEOUTS, type PostgresConnection } from './data-source';

const connection = (url: string): PostgresConnection => ({ url, applicationName: 'test', maxConnections: 2, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 5000, logger: silentLogger });

describe('a data source on PostgreSQL', () => {
  it('holds the canonical settings on every connection', async () => {
    await using db = await createTestDatabase();
    const dataSource = await connectPostgres(connection(db.url));
    try {
      const rows = await onDatabase(dataSource, (sql) => sql.query<{ name: string; setting: string }>('SELECT name, setting FROM pg_settings WHERE name = ANY ($1)', [Object.keys(CANONICAL_SETTINGS)]));
      expect(Object.fromEntries(rows.map((r) => [r.name, r.setting]))).toEqual(CANONICAL_SETTINGS);
    } finally {
      await dataSource.destroy();
    }
  });

  it('outlives a connection that breaks while nobody listens to it', async () => {
    await using db = await createTestDatabase();
    const dataSource = await connectPostgres(connection(db.url));
    try {
      const pool = (dataSource.driver as unknown as { master: Pool }).master;
      const client = await pool.connect();
      expect(() => client.emit('error', new Error('terminating connection'))).not.toThrow();
      client.release(true);
      expect(await onDatabase(dataSource, (sql) => sql.query('SELECT 1 AS one'))).toEqual([{ one: 1 }]);
    } finally {
      await dataSource.destroy();
    }
  });

  it('rolls back what a failing transaction wrote and gives the error its class', async () => {
    await using db = await createTestDatabase();
    await db.query('CREATE TABLE t (a int PRIMARY KEY)');
    const dataSource = await connectPostgres(connection(db.url));
    try {
      const twice = inTransaction(dataSource, async (sql) => {
        await sql.query('INSERT INTO public.t VALUES (1)');
        await sql.query('INSERT INTO public.t VALUES (1)');
      });
      await expect(twice).rejects.toMatchObject({ code: 'DB_23505', recovery: 'park' });
      expect(await db.query('SELECT * FROM t')).toEqual([]);
    } finally {
      await dataSource.destroy();
    }
  });
});
