import { startOwnServer, type TestDatabase } from '@elstream/testing';
import { becomesEqual, createItems, ITEM, startPipeline, twoDatabases, type Databases } from '../../../libs/runtime/src/pipeline.fixture';

/** The same database by another login. */
function loggedInAs(database: TestDatabase, user: string, password: string): TestDatabase {
  const url = new URL(database.url);
  [url.username, url.password] = [user, password];
  return Object.assign(Object.create(database) as TestDatabase, { url: url.toString() });
}

/** Starts a run and returns its error, in which every pattern must be found. */
async function expectRefused(databases: Databases, patterns: readonly RegExp[], include = ['public.item']): Promise<void> {
  await using pipeline = await startPipeline(databases, include);
  const run = await pipeline.runEnds((await pipeline.startRun()).id, 'failed');
  for (const pattern of patterns) expect(run.error).toMatch(pattern);
}

async function expectNothingOfOurs(source: TestDatabase): Promise<void> {
  expect(await source.query('SELECT 1 FROM pg_replication_slots WHERE database = current_database()')).toEqual([]);
  expect(await source.query('SELECT 1 FROM pg_publication')).toEqual([]);
}

describe('a run says what is wrong and what to do, and changes nothing', () => {
  it('wrong password of the source', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 1);
    const source = loggedInAs(databases.source, new URL(databases.source.url).username, 'not the password');
    await expectRefused({ ...databases, source }, [/password/, /connection URL/]);
    await expectNothingOfOurs(databases.source);
  });

  it('wrong password of the warehouse, at the start of the process', async () => {
    await using databases = await twoDatabases();
    const warehouse = loggedInAs(databases.warehouse, new URL(databases.warehouse.url).username, 'not the password');
    await expect(startPipeline({ ...databases, warehouse }, ['public.item'])).rejects.toMatchObject({ code: 'DB_PASSWORD', message: expect.stringMatching(/connection URL/) as string });
  });

  it('missing privileges of the source, all of them at once, each with its statement', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 10);
    const role = `reader_${databases.source.name}`;
    await databases.source.query(`CREATE ROLE ${role} LOGIN PASSWORD 'pw'`);
    try {
      const source = loggedInAs(databases.source, role, 'pw');
      await expectRefused({ ...databases, source }, [/ALTER ROLE .* REPLICATION/, /GRANT CREATE ON DATABASE/]);
      await databases.source.query(`ALTER ROLE ${role} REPLICATION; GRANT CREATE ON DATABASE ${databases.source.name} TO ${role}`);
      await expectRefused({ ...databases, source }, [/public\.item/, /privilege|permission|owner|GRANT/i]);
      await expectNothingOfOurs(databases.source);
    } finally {
      await databases.source.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  it('missing privileges of the warehouse', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 10);
    const role = `writer_${databases.warehouse.name}`;
    await databases.warehouse.query(`CREATE ROLE ${role} LOGIN PASSWORD 'pw'`);
    try {
      const warehouse = loggedInAs(databases.warehouse, role, 'pw');
      await expect(startPipeline({ ...databases, warehouse }, ['public.item'])).rejects.toMatchObject({ code: 'DB_PRIVILEGE', message: expect.stringMatching(/grant/) as string });
    } finally {
      await databases.warehouse.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  it('wal_level that is not logical', async () => {
    const server = await startOwnServer({ wal_level: 'replica' });
    try {
      await using databases = await twoDatabases({ source: server });
      await createItems(databases.source, 1);
      await expectRefused(databases, [/wal_level/, /ALTER SYSTEM SET wal_level = 'logical'/, /restart/]);
    } finally {
      await server.stop();
    }
  });

  it.each([
    ['other columns', `CREATE TABLE item (id bigint PRIMARY KEY, title text)`, [/public.*item/, /column/]],
    ['a foreign key', `CREATE TABLE other (id bigint PRIMARY KEY); ALTER TABLE item ADD CONSTRAINT to_other FOREIGN KEY (id) REFERENCES other NOT VALID`, [/to_other/, /foreign key/i]],
    ['a unique constraint', `ALTER TABLE item ADD CONSTRAINT one_name UNIQUE (name)`, [/one_name/, /unique/i]],
    ['a trigger', `CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER watcher BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION noop()`, [/watcher/, /trigger/i]],
  ])('a warehouse table in the way with %s', async (what, damage, patterns) => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 10);
    if (what !== 'other columns') {
      // Made by us, then changed by somebody.
      await using pipeline = await startPipeline(databases, ['public.item']);
      await pipeline.runEnds((await pipeline.startRun()).id);
    }
    await databases.warehouse.query(damage);
    await expectRefused(databases, [...patterns, /drop|remove|rename/i]);
  });

  it('a table without a key, before it enters the publication: the application’s own updates go on working', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 10);
    await databases.source.query('CREATE TABLE journal (entry text); INSERT INTO journal VALUES (1)');
    await expectRefused(databases, [/public\.journal/, /PRIMARY KEY|key/], ['public.item', 'public.journal']);
    await databases.source.query(`UPDATE journal SET entry = 'still writable'`);
    await expectNothingOfOurs(databases.source);
    // Left out, the pipeline runs, and the table stays out of the publication.
    await using pipeline = await startPipeline(databases, ['public.item']);
    await pipeline.runEnds((await pipeline.startRun()).id);
    expect(await databases.source.query('SELECT tablename FROM pg_publication_tables')).toEqual([{ tablename: 'item' }]);
    await databases.source.query(`UPDATE journal SET entry = 'and still'`);
    await becomesEqual(databases, 'public.item', ITEM);
  });
});
