import { parseNumericLsn } from '@elstream/database';
import { hasApplied, replicaHasApplied, replicaProblems, type ReplicaFacts, type ReplicaRow } from './replica';
import { scriptedGate } from './scripted-gate.fixture';

const lsn = (record: number): string => `420000003888${String(record).padStart(5, '0')}`;
const position = (record: number) => parseNumericLsn(lsn(record));
const ROW: ReplicaRow = { database: 'g', isPrimary: false, redone: lsn(5), commit: lsn(4) };

describe('a read replica of a SQL Server source', () => {
  it.each<[string, Partial<ReplicaRow>, readonly [number, number | null], boolean]>([
    ['has redone the log up to the position', {}, [5, null], true],
    ['has not redone it yet', {}, [6, null], false],
    ['has redone the last commit, the rest of the log is no commit', {}, [9, 4], true],
    ['has not redone the last commit', {}, [9, 5], false],
    ['does not tell', { redone: null, commit: null }, [1, 1], false],
    ['has become the primary', { isPrimary: true, redone: null, commit: null }, [9, 9], true],
  ])('%s', (_what, row, [until, commit], applied) => {
    expect(hasApplied({ ...ROW, ...row }, { position: position(until), commit: commit === null ? null : position(commit) })).toBe(applied);
  });

  it('that left its group stops the work', () => {
    expect(() => hasApplied(null, { position: position(1), commit: null })).toThrow(expect.objectContaining({ code: 'REPLICA_GONE', recovery: 'stop' }));
  });

  const primary: ReplicaFacts = { row: { ...ROW, isPrimary: true }, database: 'db', login: 'a', serverState: true };
  const replica: ReplicaFacts = { ...primary, row: ROW };
  it.each<[string, Partial<ReplicaFacts>, readonly string[]]>([
    ['nothing', {}, []],
    ['that it cannot be seen', { serverState: false, row: null }, ['GRANT VIEW SERVER STATE TO [a]']],
    ['that it is in no group', { row: null }, ['in no availability group']],
    ['that it is the primary', { row: { ...ROW, isPrimary: true } }, ['is the primary']],
    ['that it is of another database', { row: { ...ROW, database: 'other' } }, ['replica of another one']],
  ])('is refused for what is wrong: %s', (_what, facts, problems) => {
    expect(replicaProblems({ ...replica, ...facts }, primary)).toEqual(problems.map((part) => expect.stringContaining(part) as unknown));
  });
});

describe('waiting for a read replica', () => {
  const at = (redone: string, commit: string): ReplicaRow => ({ ...ROW, redone, commit });

  it('looks again until it has redone what is due, within the bound', async () => {
    let looks = 0;
    const replica = scriptedGate(() => [at(lsn((looks += 1)), lsn(0))]);
    const primary = scriptedGate(() => [{ ...ROW, isPrimary: true, redone: null, commit: lsn(9) }]);
    const wait = { waitMs: 10_000, signal: new AbortController().signal };
    expect(await replicaHasApplied(replica, primary, position(3), wait)).toBe(true);
    expect([replica.asked.length, primary.asked.length]).toEqual([3, 1]);
    expect(await replicaHasApplied(replica, primary, position(9999), { ...wait, waitMs: 0 })).toBe(false);
    await expect(replicaHasApplied(replica, primary, position(9999), { ...wait, signal: AbortSignal.abort(new Error('told to stop')) })).rejects.toThrow('told to stop');
  });
});
