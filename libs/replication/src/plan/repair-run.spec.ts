import { createRepairRun, createReplayRun, discardDeadLetters } from './repair-run';
import { letterOf, OnePipeline } from './runs.fixture';

let p: OnePipeline;
beforeEach(() => {
  p = new OnePipeline();
});

const keys = (from: number, count: number): string[][] => Array.from({ length: count }, (_, i) => [String(from + i)]);
const difference = (cells: readonly string[], of: 'row' | 'history' = 'row', table = 'a') => ({ table, key: '', cells, of, kind: 'missing', columns: [] });

describe('a run that repairs', () => {
  it('takes the keys of every difference of a run once, by table and kind, five hundred a task', async () => {
    const run = p.add('validate', 'succeeded');
    p.addTask(run.id, { result: { differenceCount: 1_202, differences: [...keys(0, 1_200), ['7']].map((k) => difference(k)) } });
    p.addTask(run.id, { result: { differenceCount: 1, differences: [difference(['3'], 'history')] } });
    p.addTask(run.id, { table: 'b', result: { differenceCount: 2, differences: [difference(['1', '2'], 'row', 'b'), difference(['1'], 'row', 'gone')] } });
    // Found when the key of b was another one.
    p.addTask(run.id, { table: 'b', result: { differenceCount: 1, differences: [difference(['9'], 'row', 'b')] } });
    p.addTask(run.id, { result: { differenceCount: 0, differences: [] } });
    const planned = await createRepairRun(p.deps, { pipeline: 'p', reason: 'repair', from: { runId: run.id } });
    expect({ keys: planned.keys, leftOut: planned.leftOut }).toEqual({ keys: 1_202, leftOut: 3 });
    const [repair] = p.repairs;
    expect(repair).toMatchObject({ reason: 'repair', tables: ['a', 'b'] });
    expect(repair!.tasks.map((t) => [t['of'], (t['keys'] as unknown[]).length, t['from']])).toEqual([
      ['row', 500, run.id],
      ['row', 500, run.id],
      ['row', 200, run.id],
      ['history', 1, run.id],
      ['row', 1, run.id],
    ]);
  });

  it('takes the keys given', async () => {
    await createRepairRun(p.deps, { pipeline: 'p', reason: 'manual', from: { table: 'b', keys: [['1', '2'], ['1', '2']], of: 'row' } });
    expect(p.repairs).toEqual([{ reason: 'manual', tables: ['b'], tasks: [{ keys: [['1', '2']], of: 'row' }] }]);
  });

  it.each([
    ['no difference was found', { runId: 'run 1' }, 'NOTHING_TO_REPAIR'],
    ['there is no such run', { runId: 'run 9' }, 'RUN_UNKNOWN'],
    ['no key is given', { table: 'a', keys: [], of: 'row' }, 'NOTHING_TO_REPAIR'],
    ['the table is not in the pipeline', { table: 'x', keys: [['1']], of: 'row' }, 'TABLE_UNMAPPED'],
    ['a key has too few values', { table: 'b', keys: [['1', '2'], ['1']], of: 'row' }, 'KEY_INVALID'],
    ['the history is not copied', { table: 'a', keys: [['1']], of: 'history' }, 'HISTORY_NOT_COPIED'],
  ] as const)('is refused where %s', async (_why, from, code) => {
    p.add('validate', 'succeeded');
    await expect(createRepairRun(p.deps, { pipeline: 'p', reason: 'manual', from })).rejects.toMatchObject({ code, recovery: 'refuse' });
    expect(p.repairs).toEqual([]);
  });
});

describe('dead letters', () => {
  it('are replayed oldest first, by table, in pieces; those without a key and those settled are not', async () => {
    p.letters = [...Array.from({ length: 1_001 }, (_, n) => letterOf(n)), letterOf(2_000, { table: 'b' }), letterOf(2_001, { key: null, op: 'poison' }), letterOf(2_002, { state: 'replayed' })];
    const { keys: taken, leftOut } = await createReplayRun(p.deps, { pipeline: 'p', filter: {} });
    expect([taken, leftOut]).toEqual([1_002, 1]);
    const [{ reason, tasks } = { reason: '', tasks: [] }] = p.repairs;
    expect([reason, tasks.map((t) => (t['deadLetters'] as string[]).length)]).toEqual(['replay', [500, 500, 1, 1]]);
    expect((tasks[0]!['deadLetters'] as string[])[0]).toBe('l0');
  });

  it('are refused to be replayed where none is parked, or none has a key, saying what to do', async () => {
    await expect(createReplayRun(p.deps, { pipeline: 'p', filter: {} })).rejects.toMatchObject({ code: 'NOTHING_TO_REPLAY', recovery: 'refuse' });
    p.letters = [letterOf(1, { key: null })];
    await expect(createReplayRun(p.deps, { pipeline: 'p', filter: { table: 'a' } })).rejects.toMatchObject({ code: 'NOTHING_TO_REPLAY', message: expect.stringContaining('discard') });
  });

  it('that are discarded let go of the markers of their table once none of it is parked', async () => {
    p.letters = [letterOf(1), letterOf(2, { table: 'b' })];
    expect(await discardDeadLetters(p.deps, { pipeline: 'p', table: 'a' }, 'not needed')).toBe(1);
    expect(p.closed.map((c) => c.split(' ')[0])).toEqual(['a']);
    expect(await discardDeadLetters(p.deps, { pipeline: 'p', table: 'a' }, 'not needed')).toBe(0);
    expect(p.closed).toHaveLength(1);
  });
});
