import { ElstreamError, encodeRow, type Cell } from '@elstream/core';
import type { ChunkWrite } from '@elstream/warehouse';
import { CarefulChunk } from './careful-chunk';
import { FakeSession } from './session.fixture';
import { targets } from './table-statements.fixture';

const { plain } = targets;
const row = (id: string, price = '1.5'): Cell[] => ['eu', id, price, null, null, null, null];
const claim = { taskId: '00000000-0000-0000-0000-000000000001', attempt: 1, runId: '00000000-0000-0000-0000-000000000002', epoch: 3 };

async function* bytes(rows: readonly Cell[][]): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield Buffer.from(rows.map(encodeRow).join(''));
}

/** Merges a chunk of which the target refuses rows; trials are asked by range. */
async function merge(rows: readonly Cell[][], refuses: (from: number, to: number) => Error | 'lost' | null, limit = 10) {
  const taken = new Set<number>();
  const session = new FakeSession((statement, { from0, to0, ord }) => {
    if (statement.startsWith('DELETE FROM #chunk')) taken.add(Number(ord?.value));
    if (statement.startsWith('SELECT line')) return [[{ line: encodeRow(rows[Number(ord?.value)] ?? []) }]];
    if (!statement.startsWith('SET NOCOUNT ON; SET XACT_ABORT ON')) return [];
    const [from, to] = [Number(from0?.value ?? 0), Number(to0?.value ?? rows.length)];
    for (let at = from; at < to; at += 1) {
      const refused = taken.has(at) ? null : refuses(at, at + 1);
      if (refused === 'lost') return [[{ outcome: 'lost' }]];
      if (refused !== null) return refused;
    }
    return from0 === undefined ? [[{ outcome: 'done', filled: rows.length - taken.size, parked: taken.size }]] : [[{ outcome: 'tried' }]];
  });
  const write: ChunkWrite = { pipeline: 'shop', mapping: plain.mapping, claim, rows: bytes(rows), park: { limit } };
  const careful = await CarefulChunk.stage(session, { write, target: plain, lockMs: 5, limit });
  const result = await careful.merge();
  return { result, parked: session.loaded.filter((l) => l.table === '#parked').flatMap((l) => l.rows), staged: session.loaded.filter((l) => l.table === '#raw').flatMap((l) => l.rows) };
}

const check = (bad: readonly number[]) => (at: number): Error | null => (bad.includes(at) ? new ElstreamError('DB_547', 'park', 'a constraint is violated') : null);

describe('a chunk with bad rows', () => {
  it('parks what no column holds where it is staged, and stages the others', async () => {
    const rows = [row('1'), row('two'), row('3', '1.23456'), row('4')];
    const { parked, staged, result } = await merge(rows, () => null);
    expect(parked.map((line) => [line[0], line[4], line[8]])).toEqual([[1, '["eu","two"]', 'VALUE_UNFIT'], [2, '["eu","3"]', 'VALUE_UNFIT']]);
    expect(staged.map((line) => line[0])).toEqual([0, 3]);
    expect(result).toMatchObject({ outcome: 'done', rowsRead: 4 });
  });

  it('parks a text that is no Unicode by its key, under a reason of its own that names the column', async () => {
    const rows = [row('1'), ['e\ud83d', '2', '1', null, null, null, null], row('3')];
    const { parked, staged } = await merge(rows, () => null);
    expect(parked.map((line) => [line[0], line[4], line[8], line[9]])).toEqual([[1, null, 'VALUE_NOT_UNICODE', expect.stringMatching(/^column region holds half of a surrogate pair/)]]);
    expect(parked[0]?.[7]).toEqual(Buffer.from(encodeRow(rows[1] ?? [])));
    expect(staged.map((line) => line[0])).toEqual([0, 2]);
  });

  it('finds by trials the rows that a constraint of the target refuses, however many', async () => {
    const rows = Array.from({ length: 1_200 }, (_, i) => row(String(i)));
    const { parked, result } = await merge(rows, check([3, 600, 601]));
    expect(parked.map((line) => [line[0], line[8]])).toEqual([[3, 'DB_547'], [600, 'DB_547'], [601, 'DB_547']]);
    expect(parked[0]?.[7]).toEqual(Buffer.from(encodeRow(row('3'))));
    expect(result).toEqual({ outcome: 'done', rowsRead: 1_200, rowsFilled: 1_197, rowsParked: 3 });
  });

  it('is lost with its task, also while its rows are tried', async () => {
    let asked = 0;
    expect((await merge([row('1')], () => (asked++ === 0 ? check([0])(0) : 'lost'))).result).toEqual({ outcome: 'lost' });
  });

  it('fails by what is no row’s fault', async () => {
    await expect(merge([row('1')], () => new ElstreamError('DB_CONNECTION', 'retry', 'gone'))).rejects.toMatchObject({ code: 'DB_CONNECTION' });
  });
});
