import type { DeadLetter, Run } from '@elstream/control';
import { eventually } from '@elstream/testing';
import { becomesEqual, startPipeline, twoDatabases, until, type Databases, type RunningPipeline } from './pipeline.fixture';

jest.setTimeout(120_000);

const FAST = 'schemaIntervalMs: 60000';

/** Two tables; the warehouse's `note` holds ten characters, the source's any number. */
async function shop(rows: number): Promise<Databases> {
  const databases = await twoDatabases();
  await databases.source.query('CREATE TABLE note (id int PRIMARY KEY, v text, n int); CREATE TABLE other (id int PRIMARY KEY, v text)');
  await databases.source.query(`INSERT INTO note SELECT i, 'v' || i, i FROM generate_series(1, $1::int) i`, [rows]);
  await databases.source.query(`INSERT INTO other SELECT i, 'v' || i FROM generate_series(1, 10) i`);
  return databases;
}

const NARROW = `  settings: [{ match: public.note, columns: { type: { v: varchar(10) } } }]\n`;
const LONG = 'much too long for ten characters';
const WITHOUT_LONG = ['id', 'n'];

async function preloaded(databases: Databases, more = ''): Promise<RunningPipeline> {
  const pipeline = await startPipeline(databases, ['public.note', 'public.other'], `${NARROW}${more}`, FAST);
  await pipeline.runEnds((await pipeline.startRun()).id);
  return pipeline;
}

const nameOf = ({ runtime }: RunningPipeline): string => runtime.registry.names()[0] ?? '';

async function deadLetters(pipeline: RunningPipeline, state: DeadLetter['state'] = 'parked'): Promise<readonly DeadLetter[]> {
  return pipeline.runtime.store.readDeadLetters({ pipeline: nameOf(pipeline), state, limit: 10_000 });
}

/** Waits until this many are parked. */
async function parked(pipeline: RunningPipeline, count: number): Promise<readonly DeadLetter[]> {
  await eventually(async () => expect(await deadLetters(pipeline)).toHaveLength(count), { timeoutMs: 40_000, describe: pipeline.logger.text().slice(-3_000) });
  return deadLetters(pipeline);
}

async function replay(pipeline: RunningPipeline, letters: readonly DeadLetter[]): Promise<Run> {
  const tasks = [{ kind: 'repair-rows' as const, table: 'public.note', epoch: null, payload: { deadLetters: letters.map((l) => l.id) } }];
  const { id } = await pipeline.runtime.store.createRun({ pipeline: nameOf(pipeline), reason: 'replay', tables: ['public.note'], stages: ['repair'], tasks });
  return pipeline.runEnds(id);
}

const widen = (databases: Databases): Promise<unknown> => databases.warehouse.query('ALTER TABLE note ALTER v TYPE text');

const phaseOf = async (pipeline: RunningPipeline, table: string): Promise<string | undefined> =>
  (await pipeline.runtime.registry.get(nameOf(pipeline)).warehouse.readTableStates(nameOf(pipeline))).find((s) => s.table === table)?.phase;

describe('dead letters', () => {
  it('an event that the warehouse cannot hold is parked with its bytes and reason, all others are applied; after the fix it is replayed', async () => {
    await using databases = await shop(100);
    await using pipeline = await preloaded(databases);
    await databases.source.query(`UPDATE note SET v = CASE id WHEN 7 THEN '${LONG}' ELSE 'w' || id END, n = n + 1`);
    await databases.source.query(`INSERT INTO other VALUES (11, 'after')`);
    const [letter] = await parked(pipeline, 1);
    await becomesEqual(databases, 'public.other', ['id', 'v']);
    expect(await databases.warehouse.query(`SELECT count(*)::int AS n FROM note WHERE v = 'w' || id AND n = id + 1`)).toEqual([{ n: 99 }]);
    expect(await databases.warehouse.query('SELECT v, n FROM note WHERE id = 7')).toEqual([{ v: 'v7', n: 7 }]);
    const whole = await pipeline.runtime.store.readDeadLetter(letter?.id ?? '');
    expect(whole).toMatchObject({ table: 'public.note', origin: 'stream', op: 'update', key: ['7'], row: ['7', LONG, '8'], code: 'DB_22001', state: 'parked' });
    expect(Buffer.from(whole?.bytes ?? []).toString()).toBe(`7\t${LONG}\t8\n`);
    expect(whole?.position).toMatch(/^[0-9a-f]{16}$/);
    expect(whole?.reason).not.toContain(LONG);
    expect(pipeline.logger.text()).not.toContain(LONG);
    expect(pipeline.logger.lines.filter((l) => l.level === 'warn' && String(l.fields['parked']) === 'public.note DB_22001: 1')).toHaveLength(1);
    expect((await pipeline.runtime.store.readPipeline(nameOf(pipeline)))?.streamError).toBeNull();

    // It does not fit yet: it stays parked, and says so.
    await replay(pipeline, [letter as DeadLetter]);
    expect(await deadLetters(pipeline)).toMatchObject([{ replays: 1, note: expect.any(String) as string }]);
    await widen(databases);
    await replay(pipeline, [letter as DeadLetter]);
    expect(await deadLetters(pipeline, 'replayed')).toHaveLength(1);
    await becomesEqual(databases, 'public.note', ['id', 'v', 'n']);
  });

  it('events of all kinds are parked between others of the same keys, by a CHECK of the warehouse', async () => {
    await using databases = await shop(50);
    await using pipeline = await preloaded(databases);
    await databases.warehouse.query('ALTER TABLE note ADD CONSTRAINT small CHECK (n < 1000)');
    const client = await databases.source.client();
    for (const statement of [
      'BEGIN',
      `UPDATE note SET v = 'a' WHERE id = 1`,
      'UPDATE note SET n = 5000 WHERE id = 1',
      `UPDATE note SET n = 3, v = 'b' WHERE id = 1`,
      `INSERT INTO note VALUES (60, 'c', 6000), (61, 'd', 61)`,
      'UPDATE note SET id = 70, n = 7000 WHERE id = 2',
      'DELETE FROM note WHERE id = 3',
      'INSERT INTO note VALUES (3, \'e\', 3)',
      'COMMIT',
    ]) await client.query(statement);
    await parked(pipeline, 2);
    await eventually(async () => expect(await databases.warehouse.query('SELECT id, v, n FROM note WHERE id IN (1, 2, 3, 60, 61, 70) ORDER BY id')).toEqual([
      { id: 1, v: 'b', n: 3 },
      { id: 2, v: 'v2', n: 2 },
      { id: 3, v: 'e', n: 3 },
      { id: 61, v: 'd', n: 61 },
    ]));
    const letters = await deadLetters(pipeline);
    expect(letters.map((l) => [l.op, l.key, l.oldKey, l.code]).sort()).toEqual([['insert', ['60'], null, 'DB_23514'], ['update', ['70'], ['2'], 'DB_23514']]);
    await databases.warehouse.query('ALTER TABLE note DROP CONSTRAINT small');
    await replay(pipeline, letters);
    await becomesEqual(databases, 'public.note', ['id', 'v', 'n']);
    expect(await deadLetters(pipeline)).toEqual([]);
  });

  it('events that only together break a unique index of the warehouse: the later is parked, all others are applied', async () => {
    await using databases = await shop(50);
    await using pipeline = await preloaded(databases);
    await databases.warehouse.query('CREATE UNIQUE INDEX one_each ON note (v)');
    // of each pair either row alone would be taken
    await databases.source.query(`INSERT INTO note VALUES (60, 'twin', 60), (61, 'alone', 61), (62, 'twin', 62), (63, 'last', 63)`);
    await databases.source.query(`UPDATE note SET v = 'pair' WHERE id IN (1, 2); INSERT INTO other VALUES (11, 'after')`);
    const letters = await parked(pipeline, 2);
    expect(letters.map((l) => [l.op, l.key, l.code]).sort()).toEqual([['insert', ['62'], 'DB_23505'], ['update', ['2'], 'DB_23505']]);
    await becomesEqual(databases, 'public.other', ['id', 'v']);
    expect(await databases.warehouse.query('SELECT id, v FROM note WHERE id IN (1, 2) OR id > 50 ORDER BY id')).toEqual([
      { id: 1, v: 'pair' },
      { id: 2, v: 'v2' },
      { id: 60, v: 'twin' },
      { id: 61, v: 'alone' },
      { id: 63, v: 'last' },
    ]);
    expect((await pipeline.runtime.store.readPipeline(nameOf(pipeline)))?.streamError).toBeNull();

    await replay(pipeline, letters);
    expect(await deadLetters(pipeline)).toMatchObject([{ replays: 1 }, { replays: 1 }]);
    await databases.warehouse.query('DROP INDEX one_each');
    await replay(pipeline, letters);
    await becomesEqual(databases, 'public.note', ['id', 'v', 'n']);
    expect(await deadLetters(pipeline)).toEqual([]);
  });

  it('a replay of a row that was deleted since leaves it deleted', async () => {
    await using databases = await shop(20);
    await using pipeline = await preloaded(databases);
    await databases.source.query(`INSERT INTO note VALUES (90, '${LONG}', 1)`);
    await databases.source.query(`UPDATE note SET v = '${LONG}' WHERE id = 5`);
    const letters = await parked(pipeline, 2);
    await databases.source.query('DELETE FROM note WHERE id IN (5, 90)');
    await becomesEqual(databases, 'public.note', WITHOUT_LONG);
    await replay(pipeline, letters);
    expect(await deadLetters(pipeline, 'replayed')).toHaveLength(2);
    await becomesEqual(databases, 'public.note', ['id', 'v', 'n']);
  });

  it('more than the limit for one reason stop the table alone, and a preload brings it back', async () => {
    await using databases = await shop(300);
    await using pipeline = await preloaded(databases, 'deadLetters: { limit: 20 }\n');
    await databases.source.query(`UPDATE note SET v = '${LONG}'`);
    await eventually(async () => expect(await phaseOf(pipeline, 'public.note')).toBe('stopped'), { timeoutMs: 40_000 });
    await databases.source.query(`UPDATE other SET v = 'goes on'; UPDATE note SET n = 0`);
    await becomesEqual(databases, 'public.other', ['id', 'v']);
    expect((await deadLetters(pipeline)).length).toBeGreaterThan(20);
    expect(pipeline.logger.text()).toMatch(/table stopped: too many dead letters/);
    await databases.source.query(`UPDATE note SET v = 'short'`);
    await pipeline.runEnds((await pipeline.runtime.store.createRun({ pipeline: nameOf(pipeline), reason: 'manual', tables: ['public.note'] })).id);
    expect(await phaseOf(pipeline, 'public.note')).toBe('live');
    await databases.source.query('UPDATE note SET n = 1');
    await becomesEqual(databases, 'public.note', ['id', 'v', 'n']);
  });

  it('under policy «stop» the stream stops and names the row', async () => {
    await using databases = await shop(20);
    await using pipeline = await preloaded(databases, 'deadLetters: { policy: stop }\n');
    await databases.source.query(`UPDATE note SET v = CASE id WHEN 7 THEN '${LONG}' ELSE 'w' || id END`);
    const error = await until(async () => (await pipeline.runtime.store.readPipeline(nameOf(pipeline)))?.streamError ?? null, { timeoutMs: 40_000 });
    expect(error).toMatch(/public\.note/);
    expect(error).toMatch(/id=7/);
    expect(error).not.toContain(LONG);
    expect(await deadLetters(pipeline)).toEqual([]);
    await widen(databases);
    await pipeline.runtime.store.setStreamError(nameOf(pipeline), null);
    await becomesEqual(databases, 'public.note', ['id', 'v', 'n']);
  });

  it('rows of a preload are parked as well, and replayed', async () => {
    await using databases = await shop(500);
    await databases.source.query(`UPDATE note SET v = '${LONG}' WHERE id % 100 = 0`);
    await using pipeline = await startPipeline(databases, ['public.note', 'public.other'], `${NARROW}defaults: { chunkRows: 200 }\n`, FAST);
    await pipeline.runEnds((await pipeline.startRun()).id);
    const letters = await deadLetters(pipeline);
    expect(letters.map((l) => [l.origin, l.op, l.key?.[0]]).sort()).toEqual(['100', '200', '300', '400', '500'].map((id) => ['preload', 'row', id]));
    expect(await databases.warehouse.query('SELECT count(*)::int AS n FROM note')).toEqual([{ n: 495 }]);
    await widen(databases);
    await replay(pipeline, letters);
    await becomesEqual(databases, 'public.note', ['id', 'v', 'n']);
    expect(await deadLetters(pipeline)).toEqual([]);
  });
});
