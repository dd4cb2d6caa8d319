import { ElstreamError, LogPosition, StreamOffset, type FoldedTable } from '@elstream/core';
import type { Mssql, MssqlParams, TSqlSession } from '@elstream/database';
import type { BatchResult, BatchWrite } from '@elstream/warehouse';
import { applyBatch } from './apply-batch';
import { FakeSession } from './session.fixture';
import { targets } from './table-statements.fixture';

const { plain } = targets;
const position = LogPosition.fromBigInt(30n, 10);
const next = StreamOffset.kafka(2n);
const checkpoint = { pipeline: 'shop', partition: 'inv.dbo.lines-0', generation: 1, next: StreamOffset.kafka(1n), highest: null, counter: null };
const fold: FoldedTable = { table: plain.mapping.id, truncate: null, events: 1, changes: [], rows: [{ op: 'delete', key: ['eu', '7'], position }] };
const write: BatchWrite = { checkpoint, next, highest: position, tables: [{ mapping: plain.mapping, fold }], events: 1, committedAtUs: 9_007_199_254_740_993n, counter: null, reread: new Map(), parked: [], parkLimit: 10, reloads: new Map(), trial: false };

/** Applies, with the outcomes of the transaction given one after another. Gives what was bound, too. */
async function apply(outcomes: readonly (Record<string, unknown>[][] | Error)[], more: Partial<BatchWrite> = {}, reads: (statement: string) => Record<string, unknown>[] = () => []): Promise<{ result: BatchResult; bound: MssqlParams[]; statements: string[]; timeoutMs: number | undefined }> {
  const bound: MssqlParams[] = [];
  const statements: string[] = [];
  const session = new FakeSession((statement, params) => {
    if (!statement.startsWith('SET NOCOUNT ON; SET XACT_ABORT ON')) return [reads(statement)];
    bound.push(params);
    statements.push(statement);
    return outcomes[bound.length - 1] ?? new Error('one more was asked');
  });
  return { result: await applyBatch(dbOf(session), { ...write, ...more }, () => plain), bound, statements, timeoutMs: session.timeouts.at(-1) };
}

/** `broken`: called where the session would be closed. */
function dbOf(session: TSqlSession, broken: () => void = () => undefined): Mssql {
  const use = async <T>(fn: (session: TSqlSession) => Promise<T>): Promise<T> => {
    try {
      return await fn(session);
    } catch (error) {
      broken();
      throw error;
    }
  };
  return { lockMs: 5, session: use } as unknown as Mssql;
}

describe('what a batch comes to', () => {
  it('applied: the checkpoint that stands now, and the counts', async () => {
    const { result, bound } = await apply([[[{ outcome: 'applied', written: '0', deleted: '1' }]]]);
    expect(result).toEqual({ outcome: 'applied', checkpoint: { ...checkpoint, next, highest: position, committedAtUs: 9_007_199_254_740_993n }, rowsWritten: 0, rowsDeleted: 1 });
    expect(bound[0]).toMatchObject({ committedAt: { value: '9007199254740993' }, from: { value: checkpoint.next.hex }, fromHighest: { value: null } });
  });

  it.each(['lost', 'tried'])('%s', async (outcome) => {
    expect((await apply([[[{ outcome }]]])).result).toEqual({ outcome });
  });

  it('reread: the keys of the rows the server names', async () => {
    expect((await apply([[[{ outcome: 'reread' }], [{ n: 0, ord: 0 }]]])).result).toEqual({ outcome: 'reread', keys: new Map([[plain.mapping.id, [['eu', '7']]]]) });
  });

  it('a stored mapping that says the same is learned and asked for by its hash; another one means lost', async () => {
    const stored = JSON.stringify({ ...plain.mapping, chunkRows: 5 });
    const { result, bound } = await apply([[[{ outcome: 'mapping' }], [{ n: 0, stored, hash: 'A1' }]], [[{ outcome: 'applied', written: 0, deleted: 0 }]]]);
    expect(result.outcome).toBe('applied');
    expect(JSON.parse(String(bound[1]?.['shares']?.value))).toMatchObject([{ mapping: 'A1' }]);
    const other = JSON.stringify({ ...plain.mapping, key: [0] });
    expect((await apply([[[{ outcome: 'mapping' }], [{ n: 0, stored: other, hash: 'A2' }]]])).result).toEqual({ outcome: 'lost' });
  });

  it('not-prepared, a lock that is not had, and a connection that is cut off are errors', async () => {
    await expect(apply([[[{ outcome: 'not-prepared', n: 0 }]]])).rejects.toMatchObject({ code: 'TABLE_NOT_PREPARED', place: { table: plain.mapping.id } });
    await expect(apply([[[{ outcome: 'locked-out', code: -1 }]]])).rejects.toMatchObject({ code: 'DB_LOCK_TIMEOUT', recovery: 'retry' });
    await expect(apply([[]])).rejects.toMatchObject({ recovery: 'retry' });
  });

  it.each([
    ['a value that the target refuses', new ElstreamError('DB_2627', 'park', 'the primary key is violated'), 0],
    ['a connection that breaks', new ElstreamError('DB_CONNECTION', 'retry', 'gone'), 1],
  ])('%s: only a session that may be broken is closed, since the search for a row makes many trials', async (_what, refused, closed) => {
    const session = new FakeSession((statement) => (statement.startsWith('SET NOCOUNT ON; SET XACT_ABORT ON') ? refused : []));
    let broken = 0;
    const db = dbOf(session, () => (broken += 1));
    await expect(applyBatch(db, { ...write, trial: true }, () => plain)).rejects.toBe(refused);
    expect(broken).toBe(closed);
  });

  it('a truncate, of a table however large, is not broken off, or it would begin anew for ever', async () => {
    const applied = [[[{ outcome: 'applied', written: 0, deleted: 0 }]]];
    expect((await apply(applied, { tables: [{ mapping: plain.mapping, fold: { ...fold, truncate: position } }] })).timeoutMs).toBe(0);
    expect((await apply(applied)).timeoutMs).toBeUndefined();
  });

  describe('a statement that names what the warehouse table does not have, which the server refuses as a whole', () => {
    const unbound = new ElstreamError('DB_207', 'stop', 'Invalid column name');
    const reads = (phase: string, mapping: unknown) => (statement: string): Record<string, unknown>[] =>
      statement.startsWith('SELECT s.table_id') ? [{ table_id: plain.mapping.id, epoch: 3, phase, run_id: null, truncate_epoch: null, reread_until: null, mixed_epoch: null, open_uses: 0, token: '' }] : statement.startsWith('SELECT p.mapping') ? [{ mapping: JSON.stringify(mapping), hash: 'A3' }] : [];

    it('is lost, where the events were decoded with a mapping that is no longer stored', async () => {
      expect((await apply([unbound], {}, reads('live', { ...plain.mapping, key: [0] }))).result).toEqual({ outcome: 'lost' });
      expect((await apply([unbound])).result).toEqual({ outcome: 'lost' });
    });

    it('holds nothing up, where the table takes no events: it is offered again without naming it', async () => {
      const { result, statements } = await apply([unbound, [[{ outcome: 'applied', written: 0, deleted: 0 }]]], {}, reads('stopped', plain.mapping));
      expect(result.outcome).toBe('applied');
      expect(statements.map((statement) => statement.includes(plain.sql))).toEqual([true, false]);
    });

    it('is an error otherwise, and so is one that comes again', async () => {
      await expect(apply([unbound], {}, reads('live', plain.mapping))).rejects.toBe(unbound);
      await expect(apply([unbound, unbound], {}, reads('stopped', plain.mapping))).rejects.toBe(unbound);
    });
  });

  it('refused: the error of staging, if the table takes events', async () => {
    const bad: FoldedTable = { ...fold, rows: [{ op: 'delete', key: ['eu', 'seven'], position }] };
    await expect(apply([[[{ outcome: 'refused', n: 0 }]]], { tables: [{ mapping: plain.mapping, fold: bad }] })).rejects.toMatchObject({ code: 'ROW_NOT_WRITABLE', place: { key: 'region=eu, id=seven' } } satisfies Partial<ElstreamError>);
    expect((await apply([[[{ outcome: 'applied', written: 0, deleted: 0 }]]], { tables: [{ mapping: plain.mapping, fold: bad }] })).result.outcome).toBe('applied');
  });

  it('what is read again by key takes the place of the unknown; a key that was not found writes nothing', async () => {
    const unknown = (id: string): FoldedTable['rows'][number] => ({ op: 'upsert', key: ['eu', id], position, cells: ['eu', id, undefined, null, null, null, null], carryFrom: null, fresh: false });
    const reread = new Map([[plain.mapping.id, { rows: [['eu', '1', '2.5', null, null, null, null]], absent: [['eu', '2']], readUntil: position }]]);
    const { bound } = await apply([[[{ outcome: 'applied', written: 1, deleted: 0 }]]], { reread, tables: [{ mapping: plain.mapping, fold: { ...fold, rows: [unknown('1'), unknown('2')] } }] });
    expect(JSON.parse(String(bound[0]?.['shares']?.value))).toMatchObject([{ readUntil: position.hex }]);
  });
});
