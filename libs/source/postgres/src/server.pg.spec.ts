import { createPostgresSource } from './postgres-source';
import { DEFAULT_TIMEOUTS, identifySystem } from '@elstream/database';
import { silentLogger } from '@elstream/core';
import { openSource } from './source-fixture.fixture';

async function asNewRole(db: { name: string; url: string; query(sql: string): Promise<unknown> }, attributes = ''): Promise<{ url: string; role: string; drop(): Promise<void> }> {
  const role = `r_${db.name}`;
  await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'pw' ${attributes}`);
  const url = new URL(db.url);
  url.username = role;
  url.password = 'pw';
  return { url: url.toString(), role, drop: async () => void (await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)) };
}

describe('the server of a PostgreSQL source', () => {
  it('is found fit for a superuser, and says what a plain role lacks', async () => {
    await using context = await openSource();
    expect(await context.source.check()).toEqual([]);
    const plain = await asNewRole(context.db);
    const source = await createPostgresSource({ url: plain.url, counterPrefix: 'x' });
    try {
      expect(await source.check()).toEqual([expect.stringContaining(`ALTER ROLE "${plain.role}" REPLICATION`), expect.stringContaining('GRANT CREATE ON DATABASE')]);
    } finally {
      await source.close();
      await plain.drop();
    }
  });

  it('refuses a wrong password with its remedy', async () => {
    await using context = await openSource();
    const url = new URL(context.db.url);
    url.password = 'wrong';
    await expect(createPostgresSource({ url: url.toString(), counterPrefix: 'x' })).rejects.toMatchObject({ code: 'DB_PASSWORD', recovery: 'stop' });
  });

  it('has one identity, whichever way it is asked', async () => {
    await using context = await openSource();
    const identity = await context.source.identity();
    expect(identity).toEqual({ system: expect.stringMatching(/^\d{10,}$/) as string, fork: '1' });
    expect(await identifySystem({ url: context.db.url, applicationName: 'test', maxConnections: 1, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 5000, logger: silentLogger })).toEqual(identity);
  });

  it('lists an open and a prepared transaction with their holders, not finished ones nor those that wrote nothing', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY)');
    const { db, source } = context;
    await using elsewhere = await openSource('CREATE TABLE t (id int)');
    const [writer, reader, preparer, foreign] = [await db.client(), await db.client(), await db.client(), await elsewhere.db.client()];
    await reader.query('BEGIN; SELECT * FROM t');
    await writer.query(`SET application_name = 'the writer'; BEGIN; INSERT INTO t VALUES (1)`);
    await preparer.query(`BEGIN; INSERT INTO t VALUES (2)`);
    await preparer.query(`PREPARE TRANSACTION 'p_${db.name}'`);
    await foreign.query('BEGIN; INSERT INTO t VALUES (1)');
    await db.query('INSERT INTO t VALUES (3)');
    const listed = await source.transactionsInProgress();
    expect(listed.map((t) => t.holder).sort()).toEqual([expect.stringContaining(`prepared transaction 'p_${db.name}'`), expect.stringContaining('(the writer)')]);
    await db.query('INSERT INTO t VALUES (4)');
    expect(await source.stillInProgress(listed)).toHaveLength(2);
    await writer.query('COMMIT');
    expect((await source.stillInProgress(listed)).map((t) => t.holder)).toEqual([expect.stringContaining('prepared transaction')]);
    await preparer.query(`ROLLBACK PREPARED 'p_${db.name}'`);
    expect(await source.stillInProgress(listed)).toEqual([]);
    expect(await source.stillInProgress([])).toEqual([]);
  });

  it('lists the newest transaction of the server too', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY)');
    const { db, source } = context;
    const writer = await db.client();
    await writer.query('BEGIN; INSERT INTO t VALUES (1)');
    const [newest] = (await writer.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id')).rows;
    // not alone: one of another database that ends while the list is made stays in it, as an unknown holder
    expect((await source.transactionsInProgress()).map((t) => t.id)).toContain(newest?.id);
  });
});
