import { createTestDatabase, eventually, type TestDatabase, type TestKafka, testKafka } from '@elstream/testing';
import { type LogPosition } from '@elstream/core';
import { randomBytes } from 'node:crypto';
import { committedOffset } from './committed-offset';
import { ConnectClient } from './connect-client';
import { SQL_SERVER } from './connect.fixture';
import { explainFailure } from './explain-failure';
import { planConnector } from './plan-connector';
import { type CaptureSource } from './plan-options';
import { PATIENCE_MS, Registered } from './registered.fixture';
import { configDifferences } from './same-config';

jest.setTimeout(300_000);

let kafka: TestKafka;
let db: TestDatabase;
let client: ConnectClient;
beforeAll(async () => {
  [kafka, db] = await Promise.all([testKafka(), createTestDatabase('connect')]);
  client = new ConnectClient({ url: kafka.connectUrl, rebalanceMs: PATIENCE_MS });
});
afterAll(async () => {
  await db?.drop();
});

describe('what the plugins say of our settings', () => {
  it('is nothing, for PostgreSQL', async () => {
    await using capture = await Registered.prepare(db, kafka);
    const tls = { mode: 'off' } as const;
    const tables = [{ ...capture.table, key: ['name'], excluded: ['id'] }];
    expect(await client.validate('x', capture.plan({ tables, schemas: true, source: { ...sourceOf(db), tls } }).config)).toEqual({});
  });

  it.each([
    ['the primary', {}],
    ['a secondary', { readReplica: true, tls: { mode: 'encrypt' } }],
  ] as const)('is only that the server cannot be reached, for SQL Server (%s)', async (_, source) => {
    const { config } = planConnector({ ...SQL_SERVER, schemas: true, source: { ...SQL_SERVER.source, host: '127.0.0.1', port: 1, ...source }, extra: { 'driver.loginTimeout': '1' } });
    const errors = await client.validate('x', config);
    expect(Object.keys(errors)).toEqual(['database.hostname']);
    expect(errors['database.hostname']).toEqual([expect.stringMatching(/^Unable to connect\. .*127\.0\.0\.1, port 1 /) as unknown]);
  });

  it('is what is wrong, by setting', async () => {
    const config = { ...planConnector(SQL_SERVER).config, 'time.precision.mode': 'hourly', 'database.hostname': '' };
    expect(Object.keys(await client.validate('x', config)).sort()).toEqual(['database.hostname', 'time.precision.mode']);
  });
});

const sourceOf = ({ url, name }: TestDatabase): CaptureSource => {
  const { hostname, port, username, password } = new URL(url);
  return { host: hostname, port: Number(port), user: username, password: decodeURIComponent(password), database: name };
};

describe('a connector', () => {
  it('is registered, watched, changed, stopped and removed', async () => {
    await using capture = await Registered.prepare(db, kafka);
    const { name } = capture;
    expect((await client.version()).version).toMatch(/^\d+\./);
    expect((await client.plugins()).map((plugin) => plugin.class)).toContain(capture.plan().config['connector.class']);
    expect([await client.status(name), await client.config(name), await client.offsets(name)]).toEqual([null, null, null]);

    await capture.register();
    expect(await client.names()).toContain(name);
    await capture.insert(1);
    await capture.passed(await capture.logEnd());
    expect(configDifferences(capture.plan().config, (await client.config(name)) ?? {})).toBeNull();

    const changed = capture.plan({ extra: { 'max.batch.size': '100' } }).config;
    await client.put(name, changed);
    expect(configDifferences(capture.plan().config, (await client.config(name)) ?? {})).toEqual({ changed: [], missing: [], unexpected: ['max.batch.size'] });
    await capture.streams();
    await client.restart(name);
    await capture.streams();

    await client.pause(name);
    await eventually(async () => (await client.status(name))?.state === 'PAUSED', { describe: 'the connector is paused', timeoutMs: PATIENCE_MS });
    await client.resume(name);
    await capture.streams();
    await capture.stopped();
    await client.deleteOffsets(name);
    expect(committedOffset(await client.offsets(name), 'postgresql')).toBeNull();
    expect(await client.delete(name)).toBe(true);
    await eventually(async () => (await client.status(name)) === null, { describe: 'the connector is deleted', timeoutMs: PATIENCE_MS });
    expect(await client.delete(name)).toBe(false);
  });

  it('is refused with a wrong password, by setting and without the password', async () => {
    await using capture = await Registered.prepare(db, kafka);
    const source = { ...sourceOf(db), password: 'wrong-SeCreT' };
    const refused = client.put(capture.name, capture.plan({ source }).config);
    await expect(refused).rejects.toMatchObject({ code: 'CONNECT_REFUSED', recovery: 'refuse', message: expect.not.stringContaining('wrong-SeCreT') as unknown });
    await expect(refused).rejects.toThrow(/database\.\w+: .*password authentication failed/);
  });

  // Debezium tries for ever to begin, whatever errors.max.retries says: the task runs, but its offset stands still.
  it('whose password is changed at the source never fails: validation tells why, and it goes on by itself once that is corrected', async () => {
    await using capture = await Registered.prepare(db, kafka);
    const user = `${capture.name}_user`;
    const password = randomBytes(8).toString('hex');
    await db.query(`CREATE ROLE ${user} LOGIN REPLICATION PASSWORD '${password}'`);
    try {
      await db.query(`GRANT USAGE ON SCHEMA elstream, public TO ${user}`);
      await db.query(`GRANT SELECT ON ${capture.name}, elstream.counter TO ${user}`);
      const source = { ...sourceOf(db), user, password };
      await capture.register({ source });
      await db.query(`ALTER ROLE ${user} PASSWORD 'another'`);
      await db.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [user]);
      const errors = Object.values(await client.validate(capture.name, capture.plan({ source }).config)).flat();
      expect(explainFailure(errors.join('\n'))).toMatchObject({ kind: 'person', reason: 'the source does not accept user and password' });
      expect((await client.status(capture.name))?.tasks).toMatchObject([{ state: 'RUNNING', trace: null }]);
      await capture.insert(1);
      await db.query(`ALTER ROLE ${user} PASSWORD '${password}'`);
      expect(await capture.ids(1)).toEqual([1]);
    } finally {
      await capture.remove();
      await db.query(`DROP OWNED BY ${user}`);
      await db.query(`DROP ROLE ${user}`);
    }
  });

  it('captures the tables of its list and no other, whatever their names hold', async () => {
    const schema = `odd_${randomBytes(4).toString('hex')}`;
    const odd = 'we,ird "Tab.le';
    const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
    await db.query(`CREATE SCHEMA ${schema}`);
    for (const name of [odd, odd.toLowerCase()]) {
      await db.query(`CREATE TABLE ${schema}.${quoted(name)} (id int PRIMARY KEY, "a:b, c" text NOT NULL, "d;e" int NOT NULL, "se,cret" text, "shown" text)`);
      await db.query(`ALTER TABLE ${schema}.${quoted(name)} REPLICA IDENTITY FULL`);
    }
    await using capture = await Registered.prepare(db, kafka, { schema, name: odd, key: ['a:b, c', 'd;e'], excluded: ['se,cret'] });
    await capture.register();
    for (const name of [odd.toLowerCase(), odd]) await db.query(`INSERT INTO ${schema}.${quoted(name)} VALUES (1, 'x', 2, 'hide', 'show')`);
    await db.query(`DELETE FROM ${schema}.${quoted(odd)}`);
    const row = { id: 1, 'a:b, c': 'x', 'd;e': 2, shown: 'show' };
    const events = await capture.events((all) => all.some(({ op }) => op === 'd'));
    const key = { 'a:b, c': 'x', 'd;e': 2 };
    expect(events).toMatchObject([
      { op: 'c', key, before: null, after: row },
      { op: 'd', key, before: row, after: null },
    ]);
    expect(events.flatMap(({ before, after }) => [before, after]).filter((image) => image !== null && Object.hasOwn(image, 'se,cret'))).toEqual([]);
  });
});

describe('the committed offset of a PostgreSQL connector', () => {
  it('never passes a transaction that is still to be delivered, however many parts it goes over in', async () => {
    await using capture = await Registered.prepare(db, kafka);
    await capture.register();
    const open = await db.client();
    await open.query('BEGIN');
    await open.query(`INSERT INTO ${capture.name} VALUES (1, 'early')`);
    await capture.passed(await capture.logEnd());
    const before = await capture.logEnd();
    await open.query(`INSERT INTO ${capture.name} SELECT i, repeat('x', 100) FROM generate_series(1000, 30000) i`);
    const inside = await capture.logEnd();
    await open.query('COMMIT');
    // A commit counts with the record that follows it.
    await capture.raise();

    // It goes over in many parts, whose own positions (`lsn`) grow; ours leaps.
    const seen: LogPosition[] = [];
    await eventually(
      async () => {
        const { position } = (await capture.committed())!;
        seen.push(position);
        return !position.isBelow(inside);
      },
      { describe: 'the transaction is delivered', intervalMs: 5, timeoutMs: PATIENCE_MS },
    );
    expect(seen.filter((position) => before.isBelow(position) && position.isBelow(inside))).toEqual([]);
    expect((await capture.ids(30_000)).slice(0, 2)).toEqual([1, 1000]);
  });
});
