import type { RunStage, Task, ValidationScope } from '@elstream/control';
import { setFailpointHandler, type FailpointName } from '@elstream/core';
import { createRepairRun, type Difference } from '@elstream/replication';
import type { TestDatabase } from '@elstream/testing';
import { becomesEqual, createItems, ITEM, startPipeline, startWriter, twoDatabases, until, type Databases, type RunningPipeline } from './pipeline.fixture';

jest.setTimeout(120_000);

const SETTINGS = '\ndefaults: { chunkRows: 500 }\nvalidate: { maxRereads: 3, compareRows: 100, showValues: true }\n';

async function preloaded(databases: Databases, tables: readonly string[], more = SETTINGS): Promise<RunningPipeline> {
  const pipeline = await startPipeline(databases, tables, more);
  await pipeline.runEnds((await pipeline.startRun()).id);
  return pipeline;
}

interface Validated {
  readonly runId: string;
  readonly differences: readonly Difference[];
  readonly tasks: readonly Task[];
}

async function validate({ runtime, runEnds }: RunningPipeline, scope: ValidationScope = {}): Promise<Validated> {
  const [pipeline = ''] = runtime.registry.names();
  const tables = [...(await runtime.registry.get(pipeline).mappings()).keys()];
  const stages: readonly RunStage[] = ['validate'];
  const { id } = await runtime.store.createRun({ pipeline, reason: 'manual', tables, stages, scope });
  await runEnds(id);
  const found = await runtime.overview.differences(id, 10_000);
  return { runId: id, differences: [...found].sort((a, b) => Number(a.cells[0]) - Number(b.cells[0])), tasks: await runtime.store.readTasks(id, { limit: 1_000 }) };
}

async function repair({ runtime, runEnds }: RunningPipeline, from: { readonly runId: string } | { readonly table: string; readonly keys: readonly string[][]; readonly of: 'row' | 'history' }): Promise<Record<string, unknown>> {
  const [pipeline = ''] = runtime.registry.names();
  const { run } = await createRepairRun(runtime.deps, { pipeline, reason: 'manual', from });
  await runEnds(run.id);
  const tasks = await runtime.store.readTasks(run.id, { kind: 'repair-rows', limit: 100 });
  const sum = (name: string): number => tasks.reduce((total, task) => total + Number(task.result?.[name]), 0);
  const names = ['repaired', 'deleted', 'unchanged', 'moved', 'failed'];
  return { ...Object.fromEntries(names.map((name) => [name, sum(name)])), refused: tasks.flatMap((task) => task.result?.['refused']) };
}

const uses = async (warehouse: TestDatabase): Promise<readonly unknown[]> => warehouse.query('SELECT table_id FROM elstream.open_use');

/** Does something once, when the failpoint is reached. */
function once(name: FailpointName, act: () => Promise<unknown>): void {
  let done = false;
  setFailpointHandler(async (at) => {
    if (at !== name || done) return;
    done = true;
    await act();
  });
}

afterEach(() => setFailpointHandler(null));

describe('repair', () => {
  it('mends exactly what validation has found, beside a writer, and leaves no use open', async () => {
    await using databases = await twoDatabases();
    const { source, warehouse } = databases;
    await createItems(source, 4_000);
    await using pipeline = await preloaded(databases, ['public.item']);
    const writer = startWriter(source);
    await warehouse.query(`DELETE FROM item WHERE id = 3501`);
    await warehouse.query(`UPDATE item SET amount = amount + 1e-16 WHERE id = 3502`);
    await warehouse.query(`UPDATE item SET note = '' WHERE id = 3507 AND note IS NULL`);
    await warehouse.query(`INSERT INTO item SELECT (jsonb_populate_record(i, '{"id": -7}')).* FROM item i WHERE id = 3600`);
    const found = await validate(pipeline);
    expect(found.differences.map((d) => `${d.kind} ${d.key} ${d.columns.join()}`)).toEqual(['extra id=-7 ', 'missing id=3501 ', 'unequal id=3502 amount', 'unequal id=3507 note']);
    expect(found.differences[3]?.values).toEqual([{ source: null, warehouse: '' }]);
    expect(await repair(pipeline, { runId: found.runId })).toEqual({ repaired: 3, deleted: 1, unchanged: 0, moved: 0, failed: 0, refused: [] });
    expect((await validate(pipeline)).differences).toEqual([]);
    await writer.stop();
    await becomesEqual(databases, 'public.item', ITEM);
    await until(async () => ((await uses(warehouse)).length === 0 ? true : null));
  });

  it('of a row that changes, or goes, between its reads brings the newest, as validation waits for it, names keys that are none, and is refused once the table is stopped', async () => {
    await using databases = await twoDatabases();
    const { source, warehouse } = databases;
    await createItems(source, 100);
    await using pipeline = await preloaded(databases, ['public.item']);
    await warehouse.query(`UPDATE item SET name = 'damaged' WHERE id IN (5, 6)`);
    const applied = async (sql: string, holds: string): Promise<void> => {
      await source.query(sql);
      await until(async () => ((await warehouse.query<{ ok: boolean }>(`SELECT ${holds} AS ok`))[0]?.ok === true ? true : null));
    };
    // In flight: the stream overwrites the damage while validation looks at it (R8).
    await warehouse.query(`UPDATE item SET name = 'damaged' WHERE id = 8`);
    once('validate:source-read', () => source.query(`UPDATE item SET name = 'changed since' WHERE id = 8`));
    expect((await validate(pipeline)).differences.map((d) => d.key)).toEqual(['id=5', 'id=6']);
    once('repair:source-read', () => applied(`UPDATE item SET name = 'changed since' WHERE id = 5; DELETE FROM item WHERE id = 6`, 'NOT EXISTS (SELECT FROM item WHERE id = 6)'));
    expect(await repair(pipeline, { table: 'public.item', keys: [['5'], ['6'], ['7'], ['none']], of: 'row' })).toMatchObject({
      moved: 0,
      failed: 1,
      refused: [{ key: 'id=none', reason: expect.any(String) }],
    });
    await becomesEqual(databases, 'public.item', ITEM);
    expect((await validate(pipeline)).differences).toEqual([]);

    const { runtime } = pipeline;
    const [name = ''] = runtime.registry.names();
    await runtime.registry.get(name).warehouse.stopTable(name, 'public.item', 'for this test');
    const { run } = await createRepairRun(runtime.deps, { pipeline: name, reason: 'manual', from: { table: 'public.item', keys: [['1']], of: 'row' } });
    expect((await pipeline.runEnds(run.id, 'failed')).error).toMatch(/stopped.*start a run/s);
  });
});

describe('a validation', () => {
  it('looks at what it is asked for: a range, a sample, what has changed; and raises no alarm when the table is loaded anew beneath it', async () => {
    await using databases = await twoDatabases();
    const { source, warehouse } = databases;
    await createItems(source, 5_000);
    await using pipeline = await preloaded(databases, ['public.item']);
    await warehouse.query(`UPDATE item SET name = 'damaged' WHERE id IN (10, 1200, 4000)`);
    const compared = ({ tasks }: Validated): number => tasks.reduce((sum, task) => sum + Number(task.kind === 'validate-chunk' ? task.result?.['rowsCompared'] : 0), 0);
    const keys = ({ differences }: Validated): string[] => differences.map((d) => d.key);

    const range = await validate(pipeline, { range: { from: ['1100'], to: ['1300'] } });
    expect([compared(range), keys(range)]).toEqual([200, ['id=1200']]);

    const sample = await validate(pipeline, { samplePercent: 10 });
    expect(sample.tasks.filter((t) => t.kind === 'validate-chunk')).toHaveLength(1);
    expect(compared(sample)).toBeLessThanOrEqual(500);

    // The load run's own validation was the last good one of the whole table.
    await source.query(`UPDATE item SET amount = -1 WHERE id BETWEEN 1198 AND 1201; DELETE FROM item WHERE id = 3; INSERT INTO item VALUES (9000, 'new', 1, NULL)`);
    await becomesEqual({ source, warehouse } as Databases, '(SELECT * FROM item WHERE id > 1200 AND id <> 4000) AS i', ITEM);
    await warehouse.query(`UPDATE item SET name = 'damaged' WHERE id = 1200`);
    const changed = await validate(pipeline, { changed: true });
    expect([compared(changed), keys(changed)]).toEqual([5, ['id=1200']]);
    const finished = changed.tasks.find((t) => t.kind === 'finish-validation');
    expect(finished?.result).toMatchObject({ scope: 'changed', differences: 1, superseded: null });
    const [record] = await pipeline.runtime.store.readValidations({ pipeline: pipeline.runtime.registry.names()[0] ?? '', limit: 1 });
    expect(record).toMatchObject({ scope: 'changed', rowsCompared: 5, differences: 1, position: expect.stringMatching(/^[0-9a-f]{16}$/) });

    once('validate:source-read', () => warehouse.query('UPDATE elstream.table_state SET epoch = epoch + 1'));
    const overtaken = await validate(pipeline);
    expect(overtaken.differences).toEqual([]);
    expect(overtaken.tasks.find((t) => t.kind === 'finish-validation')?.result).toMatchObject({ unverified: 3, superseded: expect.stringContaining('preloaded again') });
    // It is no statement about the table, and kept as none.
    expect((await pipeline.runtime.store.readValidations({ pipeline: pipeline.runtime.registry.names()[0] ?? '', limit: 1 }))[0]).toEqual(record);
  });

  it('of copied history finds a version that is missing, which repair brings back', async () => {
    await using databases = await twoDatabases();
    const { source, warehouse } = databases;
    await source.query('CREATE TABLE item (id int PRIMARY KEY, v text, valid_from timestamptz NOT NULL DEFAULT now(), valid_to timestamptz NOT NULL DEFAULT \'infinity\')');
    await source.query('CREATE TABLE item_archive (LIKE item)');
    await source.query(`INSERT INTO item SELECT i, 'now', '2024-01-03' FROM generate_series(1, 300) i`);
    await source.query(`INSERT INTO item_archive SELECT i, 'v' || n, '2024-01-01'::timestamptz + n * '1 day'::interval, '2024-01-02'::timestamptz + n * '1 day'::interval FROM generate_series(1, 300) i, generate_series(0, 1) n`);
    await using pipeline = await preloaded(databases, ['public.item'], `  settings: [{ match: public.item, history: copied }]${SETTINGS}`);
    const columns = ['id', 'v', 'valid_from', 'valid_to'];
    await becomesEqual(databases, 'public.item_archive', columns);
    expect((await validate(pipeline)).differences).toEqual([]);
    await warehouse.query(`DELETE FROM item_archive WHERE (id = 7 AND v = 'v0') OR id = 200`);
    await warehouse.query(`INSERT INTO item_archive SELECT * FROM item_archive WHERE id = 9`);
    const { runId, differences } = await validate(pipeline);
    expect(differences.map((d) => `${d.of} ${d.kind} ${d.key}`)).toEqual(['history missing id=7', 'history missing id=200']);
    expect(await repair(pipeline, { runId })).toMatchObject({ repaired: 3, unchanged: 0, failed: 0 });
    expect((await validate(pipeline)).differences).toEqual([]);
    expect(await warehouse.query('SELECT id FROM item_archive')).toHaveLength(602);
  });
});
