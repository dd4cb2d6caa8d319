import { LogPosition } from '@elstream/core';
import { ownNames } from './instance-plan';
import { FakeServer, lsn, mapping } from './server.fixture';

const item = mapping('item', 'id', 'v');
const other = mapping('other', 'id');
const [ofItem, ofItem2] = ownNames(item.source);
const [ofCounter] = ownNames({ schema: 'elstream', name: 'counter' });
const [ofOther] = ownNames(other.source);

function server(more: Partial<FakeServer> = {}): FakeServer {
  const made = Object.assign(new FakeServer(), more);
  made.addTable('dbo.item', ['id', 'v']);
  made.addTable('dbo.other', ['id']);
  return made;
}

describe('prepare on a bare server', () => {
  it('enables CDC, makes the counter table and an instance per table, and begins anew', async () => {
    const db = server();
    const { created, identity, position } = await db.capture().prepare([item]);
    expect([created, identity]).toEqual([true, db.identity]);
    expect(db.instances.map(({ instance, role }) => [instance, role])).toEqual([[ofItem, 'elstream_cdc'], [ofCounter, 'elstream_cdc']]);
    expect(position.isBelow(LogPosition.parse(db.instanceOf('elstream.counter').start?.toString('hex') ?? ''))).toBe(false);
    expect(await db.capture().status()).toMatchObject({ state: 'ready', reason: null, confirmed: null, raised: db.counters?.get('p')?.value, trouble: null, retainedBytes: 8192 });
    expect([...((await db.capture().captured()) ?? [])]).toEqual(['dbo.item']);
  });

  it('waits until the capture job has come upon the instances, which have no start before', async () => {
    const db = server();
    let looks = 0;
    const capture = db.capture();
    const { instances } = db;
    Object.defineProperty(db, 'instances', { get: () => ((looks += 1), instances), configurable: true });
    expect((await capture.prepare([item])).created).toBe(true);
    expect(looks).toBeGreaterThan(2);
    expect(JSON.parse(db.counters?.get('p')?.capture ?? '{}')).toMatchObject({ tables: { 'dbo.item': { start: expect.stringMatching(/^0{18}\w\w$/) as unknown } } });
  });

  it('does nothing twice, and goes on where it stood', async () => {
    const db = server();
    await db.capture().prepare([item]);
    db.done.length = 0;
    expect((await db.capture().prepare([item])).created).toBe(false);
    expect(db.done.filter((sql) => !sql.includes('value = value'))).toEqual([]);
  });

  it('leaves a number of the counter out when it begins anew, and none when it goes on', async () => {
    const db = server();
    await db.capture().prepare([item]);
    const first = db.counters?.get('p')?.value ?? 0n;
    await db.capture().prepare([item]);
    expect((db.counters?.get('p')?.value ?? 0n) - first).toBe(2n);
    db.identity = { ...db.identity, fork: 'another' };
    await db.capture().prepare([item]);
    expect((db.counters?.get('p')?.value ?? 0n) - first).toBe(5n);
  });

  it('takes instances that somebody else made, and needs no rights then', async () => {
    const db = server({ cdc: true, sysadmin: false, owner: false });
    db.makeCounters();
    db.enable('dbo', 'item', 'dbo_item', 'gate');
    db.enable('elstream', 'counter', 'elstream_counter', 'gate');
    expect((await db.capture().prepare([item])).created).toBe(true);
    expect((await db.capture().prepare([item])).created).toBe(false);
    expect(db.instances).toHaveLength(2);
  });

  it('fails where the capture job stands still, and is then made again as if it had not been', async () => {
    const db = server({ job: false, agent: 'Stopped', ageS: null });
    await expect(db.capture().prepare([item])).rejects.toMatchObject({ code: 'CAPTURE_STOPPED', recovery: 'retry', message: expect.stringContaining('SQL Server Agent is stopped: start it') as unknown });
    expect(await db.capture().status()).toMatchObject({ state: 'missing', reason: expect.stringContaining('never prepared to the end') as unknown });
    expect(await db.capture().captured()).toBeNull();
    db.job = true;
    expect((await db.capture().prepare([item])).created).toBe(true);
  });
});

describe('a login of few rights', () => {
  it('is told everything that a DBA has to run, in one error, and changes nothing', async () => {
    const db = server({ sysadmin: false, owner: false });
    const statements = ['EXEC sys.sp_cdc_enable_db;', 'CREATE SCHEMA', 'CREATE TABLE [elstream].[counter]', 'GRANT SELECT, INSERT, UPDATE, DELETE ON [elstream].[counter] TO [elstream];', `@capture_instance = N'${ofItem}'`];
    const failed = await db.capture().prepare([item]).then(() => null, (error: Error) => error);
    expect(failed).toMatchObject({ code: 'SOURCE_RIGHTS', recovery: 'refuse' });
    for (const statement of statements) expect(failed?.message).toContain(statement);
    expect(db.done).toEqual([]);
  });

  it('is told of tables that it cannot see, and of what a DBA has to run besides', async () => {
    const db = server({ sysadmin: false, owner: false });
    db.tables.clear();
    await expect(db.capture().prepare([item])).rejects.toMatchObject({ code: 'CAPTURE_TABLES', message: expect.stringMatching(/dbo\.item is not there at the source, or the login may not see it; besides, let a DBA run: EXEC sys\.sp_cdc_enable_db;/) as unknown });
  });

  it('may be db_owner, and lacks the database alone then', async () => {
    const db = server({ sysadmin: false });
    const failed = await db.capture().prepare([item]).then(() => null, (error: Error) => error);
    expect(failed?.message).toContain('EXEC sys.sp_cdc_enable_db;');
    expect(failed?.message).not.toContain('CREATE TABLE');
    db.cdc = true;
    expect((await db.capture().prepare([item])).created).toBe(true);
  });

  it('has to see what it reads: a minimum of zero is unknown, not the beginning', async () => {
    const db = server({ cdc: true, sysadmin: false, owner: false });
    db.makeCounters();
    db.enable('dbo', 'item', 'dbo_item', 'gate').least = lsn(0);
    db.enable('elstream', 'counter', 'elstream_counter');
    await expect(db.capture().prepare([item])).rejects.toMatchObject({ code: 'SOURCE_RIGHTS', message: expect.stringContaining('ALTER ROLE [gate] ADD MEMBER [elstream]; GRANT SELECT ON [dbo].[item] TO [elstream];') as unknown });
  });

  it('is told of a counter table without the column that notes capture', async () => {
    const db = server({ cdc: true, sysadmin: false, owner: false });
    db.makeCounters();
    db.counterHasCapture = false;
    db.enable('dbo', 'item', 'dbo_item');
    db.enable('elstream', 'counter', 'elstream_counter');
    await expect(db.capture().prepare([item])).rejects.toMatchObject({ message: expect.stringContaining('ALTER TABLE [elstream].[counter] ADD capture nvarchar(max) NULL;') as unknown });
  });
});

describe('what happened at the source', () => {
  it.each<[string, (db: FakeServer) => void, string]>([
    ['CDC was switched off', (db) => void Object.assign(db, { cdc: false, instances: [] }), 'CDC is not enabled for database testDB'],
    ['the instance was dropped', (db) => db.disable(ofItem), `capture instance ${ofItem} of table dbo.item is gone`],
    ['the instance was dropped and made again under its name', (db) => { db.disable(ofItem); db.enable('dbo', 'item', ofItem); }, 'dropped and made anew'],
    ['the counter is not captured any more', (db) => db.disable(ofCounter), 'of table elstream.counter is gone'],
    ['the counter row was deleted', (db) => db.counters?.clear(), "or the pipeline's row in it"],
    ['the counter table was dropped', (db) => void (db.counters = null), 'the counter table elstream.counter is gone'],
    ['the database was restored', (db) => void (db.identity = { system: 'family', fork: 'another' }), 'the database was restored'],
    ['the role was taken away', (db) => void (db.instanceOf('dbo.item').least = lsn(0)), 'is not visible'],
  ])('%s: status says so, and the next prepare begins anew', async (_what, harm, reason) => {
    const db = server();
    const capture = db.capture();
    await capture.prepare([item]);
    harm(db);
    expect(await capture.status()).toMatchObject({ state: 'missing', reason: expect.stringContaining(reason) as unknown, confirmed: null });
    if (reason === 'is not visible') return;
    expect((await capture.prepare([item])).created).toBe(true);
    expect((await capture.status()).state).toBe('ready');
  });

  it('a table that enters, leaves or is dropped is none of the others’ business', async () => {
    const db = server();
    const capture = db.capture();
    await capture.prepare([item]);
    expect((await capture.prepare([item, other])).created).toBe(false);
    expect([...((await capture.captured()) ?? [])].sort()).toEqual(['dbo.item', 'dbo.other']);
    db.disable(ofOther);
    expect([...((await capture.captured()) ?? [])]).toEqual(['dbo.item']);
    expect((await capture.prepare([item])).created).toBe(false);
    await capture.prepare([item, other]);
    await capture.prepare([item]);
    expect(db.instances.map(({ instance }) => instance)).toEqual([ofItem, ofCounter]);
  });

  it('a new column gets a second instance, which is followed from then on without a gap', async () => {
    const db = server();
    const capture = db.capture();
    await capture.prepare([item]);
    db.addTable('dbo.item', ['id', 'v', 'w']);
    expect((await capture.prepare([mapping('item', 'id', 'v', 'w')])).created).toBe(false);
    expect(db.instances.map(({ instance }) => instance)).toEqual([ofItem, ofCounter, ofItem2]);
    const start = LogPosition.parse(db.instanceOf('dbo.item').start?.toString('hex') ?? '');
    expect(await capture.budget?.(LogPosition.fromBigInt(start.toBigInt() - 1n, 10))).toBeNull();
    expect(await capture.budget?.(start)).toContain(`EXEC sys.sp_cdc_disable_table @source_schema = N'dbo', @source_name = N'item', @capture_instance = N'${ofItem}';`);
    db.disable(ofItem);
    expect(await capture.budget?.(start)).toBeNull();
    expect((await capture.status()).state).toBe('ready');
  });

  it('tells how far the clean-up came, what capture takes of the disk, and what keeps the job', async () => {
    const db = server();
    const capture = db.capture();
    await capture.prepare([item]);
    Object.assign(db.instanceOf('dbo.item'), { least: lsn(5_000), start: lsn(5_000) });
    Object.assign(db, { logWait: 'REPLICATION', ageS: 1_200, agent: 'Stopped' });
    const status = await capture.status();
    expect(status).toMatchObject({ state: 'ready', retainedBytes: 9192, trouble: expect.stringContaining('SQL Server Agent is stopped') as unknown });
    expect(status.confirmed?.hex).toBe(lsn(5_000).toString('hex'));
    Object.assign(db, { neededS: 3_000 * 60 });
    expect(await capture.budget?.(LogPosition.parse(lsn(5_000).toString('hex')))).toContain('1320 minutes are left');
  });
});

describe('what is dropped', () => {
  it('is what we made, once no pipeline needs it, and nothing the second time', async () => {
    const db = server();
    const [one, two] = [db.capture(), db.capture({ pipeline: 'q' })];
    await one.prepare([item, other]);
    await two.prepare([item]);
    await one.drop();
    expect(db.instances.map(({ instance }) => instance)).toEqual([ofItem, ofCounter]);
    expect([...(db.counters ?? new Map<string, unknown>()).keys()]).toEqual(['q']);
    expect((await two.status()).state).toBe('ready');
    await two.drop();
    expect([db.instances, db.counters, db.cdc]).toEqual([[], null, true]);
    await two.drop();
    await one.drop();
  });

  it('leaves what others made, and the counter table that they have captured', async () => {
    const db = server({ cdc: true });
    db.makeCounters();
    db.enable('dbo', 'item', 'dbo_item');
    db.enable('elstream', 'counter', 'elstream_counter');
    await db.capture().prepare([item]);
    await db.capture().drop();
    expect(db.instances.map(({ instance }) => instance)).toEqual(['dbo_item', 'elstream_counter']);
    expect(db.counters?.size).toBe(0);
  });

  it('asks for a DBA where the rights were taken away', async () => {
    const db = server();
    await db.capture().prepare([item]);
    Object.assign(db, { owner: false, sysadmin: false });
    await expect(db.capture().drop()).rejects.toMatchObject({ code: 'SOURCE_RIGHTS', message: expect.stringContaining(`sp_cdc_disable_table @source_schema = N'dbo', @source_name = N'item', @capture_instance = N'${ofItem}'`) as unknown });
  });
});

it('refuses to replicate the counter table, and tables that cannot be captured, by name', async () => {
  const db = server();
  db.addTable('dbo.archive', ['id'], { temporal: 1 });
  const capture = db.capture({ counterTable: item.source });
  await expect(capture.prepare([item])).rejects.toMatchObject({ code: 'COUNTER_TABLE_REPLICATED' });
  await expect(db.capture().prepare([mapping('archive', 'id'), mapping('gone', 'id')])).rejects.toMatchObject({ code: 'CAPTURE_TABLES', message: expect.stringMatching(/dbo\.archive is the history table.*; table dbo\.gone is not there/) as unknown });
});

it('raises its row, makes it where it is gone, and says when the table is', async () => {
  const db = server();
  const capture = db.capture();
  await expect(capture.raiseCounter()).rejects.toMatchObject({ code: 'COUNTER_TABLE_MISSING', recovery: 'retry' });
  db.makeCounters();
  await capture.raiseCounter();
  await capture.raiseCounter();
  expect(db.counters?.get('p')?.value).toBe(1_001n);
});
