import { ElstreamError, LogPosition, type Cell, type Standing, type TableMapping } from '@elstream/core';
import type { TaskContext } from '../tasks/task-context';
import { confirmDifferences } from './confirm';
import { Side, TABLE, contextOf } from './sides.fixture';
import { newTally } from './tally';

type Row = readonly Cell[] | null;

/** One moment of a key on one side; the last one stays. */
interface Script {
  readonly source: readonly Row[];
  readonly warehouse: readonly { readonly row: Row; readonly standing: Standing }[];
}

const stream = (row: Row, position: number): Script['warehouse'][number] => ({ row, standing: { is: row === null ? 'marker' : 'row', version: { epoch: 1, kind: 'stream', position: LogPosition.fromBigInt(BigInt(position), 8) } } });
const nothing: Script['warehouse'][number] = { row: null, standing: { is: 'nothing' } };

/** The key `1` looked at again and again; A is 50 in every round. */
function looking(script: Script, { rounds = 3, showValues = false }: { readonly rounds?: number; readonly showValues?: boolean } = {}): { context: TaskContext; reads: () => number } {
  const base = contextOf({ source: new Side(new Map()), warehouse: new Side(new Map()), payload: {}, compareRows: 10, showValues });
  let [reads, looks] = [0, 0];
  const at = <T>(all: readonly T[], i: number): T => all[Math.min(i, all.length - 1)] as T;
  const source = {
    endOfLog: async () => LogPosition.fromBigInt(50n, 8),
    transactionsInProgress: async () => [],
    replicaHasApplied: async () => true,
    readByKeys: async (_: TableMapping, keys: readonly unknown[]) => {
      const row = at(script.source, reads);
      reads += 1;
      return row === null || keys.length === 0 ? [] : [row];
    },
  };
  const warehouse = {
    ...base.pipeline.warehouse,
    readStanding: async () => {
      const stands = at(script.warehouse, looks);
      looks += 1;
      return { epoch: 1, phase: 'live', at: [stands] };
    },
  };
  const pipeline = { ...base.pipeline, warehouse, source: async () => source, settings: { ...base.pipeline.settings, maxRereads: rounds } };
  return { context: { ...base, pipeline: pipeline as unknown as TaskContext['pipeline'] }, reads: () => reads };
}

const confirm = ({ context }: ReturnType<typeof looking>, tally = newTally()) => confirmDifferences(context, TABLE, [['1']], tally);
const old: Row = ['1', 'old'];
const now: Row = ['1', 'new'];

describe('a key that looked unequal', () => {
  it.each<readonly [string, Script, readonly string[], number]>([
    ['is missing where neither row nor marker stands', { source: [now], warehouse: [nothing] }, ['missing'], 0],
    ['is missing where it was deleted before the source was read', { source: [now], warehouse: [stream(null, 40)] }, ['missing'], 0],
    ['is extra where the row is old', { source: [null], warehouse: [stream(old, 40)] }, ['extra'], 0],
    ['is unequal where the row is old', { source: [now], warehouse: [stream(old, 40)] }, ['unequal'], 0],
    ['is nothing where both have none', { source: [null], warehouse: [nothing] }, [], 0],
    ['is looked at again where the row is newer, and equal then', { source: [old, now], warehouse: [stream(now, 60), stream(now, 60)] }, [], 0],
    ['is unverified where it is newer each time', { source: [old], warehouse: [stream(now, 60)] }, [], 1],
    ['is unverified where it is deleted newly each time', { source: [old], warehouse: [stream(null, 60)] }, [], 1],
    ['is no difference where the source has another row by now, as while a repair reads it', { source: [old, now, now], warehouse: [stream(now, 0)] }, [], 0],
    ['is no difference where the source has none by now, as after a truncate', { source: [now, null, null], warehouse: [nothing] }, [], 0],
  ])('%s', async (_name, script, kinds, unverified) => {
    const found = await confirm(looking(script));
    expect([found.differences.map((d) => d.kind), found.unverified]).toEqual([kinds, unverified]);
  });

  it('is unverified where a transaction of the source stays open beyond the bound: the validation ends', async () => {
    const { context, reads } = looking({ source: [now], warehouse: [nothing] });
    const stuck = { ...(await context.pipeline.source()), transactionsInProgress: async () => [{ id: '7', holder: 'session 7' }], stillInProgress: async () => [{ id: '7', holder: 'session 7' }] };
    const pipeline = { ...context.pipeline, settings: { ...context.pipeline.settings, transactionWaitMs: 0 }, source: async () => stuck } as unknown as TaskContext['pipeline'];
    const tally = newTally();
    expect(await confirmDifferences({ ...context, pipeline }, TABLE, [['1']], tally)).toEqual({ differences: [], unverified: 1 });
    expect([tally.stalled, reads()]).toEqual([true, 0]);
  });

  it('is read no more often than it may be', async () => {
    const world = looking({ source: [old], warehouse: [stream(now, 60)] }, { rounds: 2 });
    await confirm(world);
    expect(world.reads()).toBe(2);
  });

  it.each([
    ['loaded again', { epoch: 2, phase: 'live' }, /preloaded again/],
    ['stopped', { epoch: 1, phase: 'stopped' }, /no longer live/],
  ])('of a table %s meanwhile is unverified, and says why', async (_name, { epoch, phase }, reason) => {
    const tally = newTally();
    const context = contextOf({ source: new Side(new Map([['1', 'a']])), warehouse: new Side(new Map()), payload: {}, compareRows: 10, epoch, phase });
    expect(await confirmDifferences(context, TABLE, [['1'], ['2']], tally)).toEqual({ differences: [], unverified: 2 });
    expect(tally.superseded).toMatch(reason);
  });

  it('shows its values only where the pipeline allows it', async () => {
    const script = { source: [now], warehouse: [stream(['1', null], 40)] };
    const [hidden] = (await confirm(looking(script))).differences;
    expect(hidden).toEqual({ table: 'public.t', key: 'id=1', cells: ['1'], of: 'row', kind: 'unequal', columns: ['name'] });
    const [shown] = (await confirm(looking(script, { showValues: true }))).differences;
    expect(shown).toEqual({ ...hidden, values: [{ source: 'new', warehouse: null }] });
  });

  it('that the warehouse cannot hold is missing there, is decided apart from the others, and reported as it can be kept', async () => {
    const unheld = ['a\0', 'b\ud83d'];
    const rows = (...ids: string[]) => new Map<string, Cell>(ids.map((id) => [id, 'x']));
    const base = contextOf({ source: new Side(rows('1', ...unheld, '2', '3')), warehouse: new Side(rows('1', '3')), payload: {}, compareRows: 10 });
    const { warehouse } = base.pipeline;
    const readStanding: typeof warehouse.readStanding = async (mapping, keys) => {
      if (keys.some(([id = '']) => unheld.includes(id))) throw new ElstreamError('VALUE_UNFIT', 'park', 'no text holds it');
      return warehouse.readStanding(mapping, keys);
    };
    const context = { ...base, pipeline: { ...base.pipeline, warehouse: { ...warehouse, readStanding } } as unknown as TaskContext['pipeline'] };
    const { differences, unverified } = await confirmDifferences(context, TABLE, [['1'], ['a\0'], ['2'], ['b\ud83d'], ['3']], newTally());
    expect(unverified).toBe(0);
    expect(differences.map((d) => [d.key, d.cells, d.kind])).toEqual([['id=a\ufffd', [], 'missing'], ['id=2', ['2'], 'missing'], ['id=b\ufffd', [], 'missing']]);
  });
});
