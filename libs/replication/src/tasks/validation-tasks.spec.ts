import type { Task } from '@elstream/control';
import type { KeyRange, TableMapping } from '@elstream/core';
import { TABLE } from '../compare/sides.fixture';
import { finishValidation } from './finish-validation';
import { planValidation } from './plan-validation';
import { POSITION, doneBy, each, runOf, taskContext, type World } from './tasks.fixture';

const range = (from: number | null, to: number | null): KeyRange => ({ from: from === null ? null : [String(from)], to: to === null ? null : [String(to)] });
const RANGES = [range(null, 100), range(100, 200), range(200, null)];
const COPIED: TableMapping = { ...TABLE, history: { kind: 'copied', target: { schema: 'public', name: 'a' }, source: { schema: 'public', name: 'a' }, period: null } };
const TEXT_KEY: TableMapping = { ...TABLE, columns: TABLE.columns.map((c) => ({ ...c, type: { kind: 'text', maxLength: null, padded: false }, targetType: 'text' })) };

const planned = (world: World) =>
  doneBy(planValidation(taskContext({ ...world, source: { planChunks: () => each(RANGES), planHistory: () => each([range(null, 50), range(50, null)]), ...world.source } })));
const asked = (scope: Parameters<typeof runOf>[0], more: Parameters<typeof runOf>[1] = {}) => ({ readRun: async () => runOf(scope, more) });

describe('planning a validation', () => {
  it('opens the use of the table before it notes where the log ends', async () => {
    const order: string[] = [];
    const { result, follow } = await planned({
      warehouse: { openUse: async ({ runId }: { runId: string }) => order.push(`use of ${runId}`) },
      source: { endOfLog: async () => (order.push('A'), POSITION) },
    });
    expect(order).toEqual(['use of r', 'A']);
    expect(result).toEqual({ chunks: 3, position: POSITION.hex, scope: 'full' });
    expect(follow).toEqual(RANGES.map((payload) => ({ kind: 'validate-chunk', table: TABLE.id, epoch: 1, payload })));
  });

  it('adds ranges of copied history', async () => {
    const { follow } = await planned({ mapping: COPIED });
    expect(follow.map((t) => t.payload['of'])).toEqual([undefined, undefined, undefined, 'history', 'history']);
  });

  it('cuts a range of keys out of the table', async () => {
    const { follow, result } = await planned({ store: asked({ range: range(50, 150) }) });
    expect([follow.map((t) => t.payload), result['scope']]).toEqual([[range(50, 100), range(100, 150)], 'range']);
  });

  it.each([
    ['whose keys the two sides may order differently', TEXT_KEY, range(1, 2), 'RANGE_NOT_COMPARABLE'],
    ['that is none', TABLE, range(2, 1), 'RANGE_INVALID'],
  ])('refuses a range %s', async (_name, mapping, wanted, code) => {
    await expect(planned({ mapping, store: asked({ range: wanted }) })).rejects.toMatchObject({ code, recovery: 'refuse' });
  });

  it('takes at least one range of a sample, and a table of one range as a whole', async () => {
    expect((await planned({ store: asked({ samplePercent: 1 }) })).follow).toHaveLength(1);
    const { follow } = await planned({ mapping: TEXT_KEY, store: asked({ samplePercent: 1 }), warehouse: { countRows: async () => 7 } });
    expect(follow.map((t) => t.payload)).toEqual([{ from: null, to: null, rows: 7 }]);
  });
});

describe('planning a validation of what has changed', () => {
  const good = { runId: 'good', scope: 'full', position: '0000000000000020' };
  const changing = (keys: number, more: World = {}): World => ({
    store: {
      readRun: async (id: string) => runOf({ changed: true }, { id, createdAt: new Date(id === 'later' ? 9_000 : 1_000) }),
      readValidations: async () => [good],
      ...more.store,
    },
    warehouse: {
      changedKeys: async (_m: unknown, since: { hex: string }, limit: number) => Array.from({ length: Math.min(keys, limit + 1) }, (_, i) => [since.hex, String(i)]),
      readTableStates: async () => [{ table: TABLE.id, runId: 'load' }],
      ...more.warehouse,
    },
    settings: { compareRows: 100 },
  });

  it('looks at the keys written since the table was found equal, some at a time', async () => {
    const { follow, result } = await planned(changing(250));
    expect(result['scope']).toBe('changed');
    const pieces = follow.map((t) => t.payload['keys'] as string[][]);
    expect(pieces.map((p) => p.length)).toEqual([100, 100, 50]);
    // A commit exactly at the position was none of those compared then.
    expect(pieces[0]?.[0]?.[0]).toBe('000000000000001f');
  });

  it.each<readonly [string, World]>([
    ['it never was found equal', changing(5, { store: { readValidations: async () => [] } })],
    ['only a sample of it was', changing(5, { store: { readValidations: async () => [{ ...good, scope: 'sample' }] } })],
    ['it was preloaded since', changing(5, { warehouse: { readTableStates: async () => [{ table: TABLE.id, runId: 'later' }] } })],
    ['too much has changed', changing(1_000_000)],
  ])('looks at everything where %s', async (_name, world) => {
    const { follow, result } = await planned(world);
    expect([follow.map((t) => t.payload), result['scope']]).toEqual([RANGES, 'full']);
  });
});

describe('finishing a validation', () => {
  const chunk = (result: Record<string, unknown>, table = TABLE.id): Task => ({ table, result }) as unknown as Task;
  const tasks = (chunks: readonly Task[]) => async (_run: string, { kind, skip = 0, limit }: { kind: string; skip?: number; limit: number }) =>
    (kind === 'validate-chunk' ? chunks : [chunk({ position: POSITION.hex, scope: 'changed' })]).slice(skip, skip + limit);

  async function finished(chunks: readonly Task[], mapping: TableMapping = TABLE) {
    const done: unknown[] = [];
    const world: World = {
      mapping,
      store: { readTasks: tasks(chunks), saveValidation: async (record: unknown) => done.push(record) },
      warehouse: { closeUse: async ({ runId }: { runId: string }) => done.push(`closed ${runId}`), checkHistory: async () => ({ versions: 9, holes: 2, approximate: 1 }) },
    };
    return { ...(await doneBy(finishValidation(taskContext(world)))), done };
  }

  it('sums the ranges of its table up, keeps the sum and ends the use', async () => {
    const chunks = Array.from({ length: 450 }, () => chunk({ rowsCompared: 10, equal: 8, unverified: 1, differenceCount: 1 }));
    const { result, done } = await finished([...chunks, chunk({ rowsCompared: 99, equal: 99 }, 'public.other')]);
    expect(done).toEqual([{ pipeline: 'p', table: TABLE.id, runId: 'r', scope: 'changed', position: POSITION.hex, rowsCompared: 4_500, confirmedEqual: 3_600, unverified: 450, differences: 450 }, 'closed r']);
    expect(result).toMatchObject({ rowsCompared: 4_500, superseded: null, history: null });
  });

  it('keeps no record of a table that was loaded again meanwhile', async () => {
    const { result, done } = await finished([chunk({ rowsCompared: 10, equal: 9, unverified: 1, superseded: 'the table was preloaded again meanwhile' })]);
    expect([done, result['superseded']]).toEqual([['closed r'], 'the table was preloaded again meanwhile']);
  });

  it('reports holes of derived history', async () => {
    const derived: TableMapping = { ...TABLE, history: { kind: 'derived', target: { schema: 'public', name: 'a' }, source: null, period: null } };
    expect((await finished([], derived)).result['history']).toEqual({ versions: 9, holes: 2, approximate: 1 });
  });
});
