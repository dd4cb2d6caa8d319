import { ElstreamError, LogPosition, type FoldedRow } from '@elstream/core';
import { FakeSession } from './session.fixture';
import { stageBatch } from './stage-batch';
import { targets } from './table-statements.fixture';

const { plain } = targets;
const position = LogPosition.fromBigInt(30n, 10);
const cells = (id: string, more: { price?: string | null; ratio?: string | null; picture?: string | null | undefined; note?: string | null } = {}): (string | null | undefined)[] => ['eu', id, more.price ?? '1.5', more.ratio ?? '0.1', 'picture' in more ? more.picture : '\\x00ff', '2018-07-13 01:23:45.456+00 +11:00', more.note ?? 'a'];
const upsert = (id: string, more: Parameters<typeof cells>[1] = {}, carryFrom: readonly string[] | null = null): FoldedRow => ({ op: 'upsert', key: ['eu', id], position, cells: cells(id, more), carryFrom, fresh: false });
const stage = (session: FakeSession, rows: readonly FoldedRow[], trial = false) => stageBatch(session, { n: 0, target: plain, rows, begins: new Map(), trial });

describe('staging a batch', () => {
  it('loads texts as they are, bytes as bytes, floats as numbers, and the unknown as NULL with its group', async () => {
    const session = new FakeSession(() => []);
    const { shape, refused } = await stage(session, [upsert('1'), { op: 'delete', key: ['eu', '2'], position }, upsert('3', { picture: undefined }), upsert('4', { picture: undefined }, ['eu', '9'])]);
    expect(refused).toBeNull();
    expect(shape).toEqual({ unknownGroups: [[4]], deletes: 1, upserts: 1, carried: 1 });
    const pos = position.toBytes();
    const at = '2018-07-13 01:23:45.456+00 +11:00';
    expect(session.loaded).toEqual([
      {
        table: '#raw0',
        rows: [
          [0, 1, -1, false, pos, null, 'eu', '1', '1.5', 0.1, Buffer.from([0, 255]), at, 'a', null, null],
          [1, 0, -1, false, pos, null, 'eu', '2', null, null, null, null, null, null, null],
          [2, 2, 0, false, pos, null, 'eu', '3', '1.5', 0.1, null, at, 'a', null, null],
          [3, 2, 0, false, pos, null, 'eu', '4', '1.5', 0.1, null, at, 'a', 'eu', '9'],
        ],
      },
    ]);
  });

  it.each([
    ['a decimal of more digits', { price: '1.23456' }],
    ['NaN', { ratio: 'NaN' }],
    ['half a surrogate pair', { note: 'a\ud800' }],
  ])('tells the row of %s, which never reaches the server', async (_what, bad) => {
    const session = new FakeSession(() => []);
    const { refused } = await stage(session, [upsert('1'), upsert('7', bad)]);
    expect(refused).toMatchObject({ code: 'ROW_NOT_WRITABLE', recovery: 'park', place: { table: plain.mapping.id, key: 'region=eu, id=7', position: position.toString() } });
    expect(session.loaded).toEqual([]);
  });

  it('of a trial gives the reason alone, which is counted', async () => {
    expect((await stage(new FakeSession(() => []), [upsert('7', { ratio: 'NaN' })], true)).refused).toMatchObject({ code: 'VALUE_UNFIT', recovery: 'park' });
  });

  it('finds by halves the row whose value the server refuses', async () => {
    const rows = Array.from({ length: 100 }, (_, i) => upsert(String(i)));
    let attempts = 0;
    const session = new FakeSession((statement, { from, to }) => {
      if (!statement.startsWith('INSERT INTO #batch0')) return [];
      attempts += 1;
      return Number(from?.value) <= 63 && 63 < Number(to?.value) ? new ElstreamError('DB_241', 'park', 'a text is no date or time') : [];
    });
    expect((await stage(session, rows)).refused).toMatchObject({ code: 'ROW_NOT_WRITABLE', place: { key: 'region=eu, id=63' } });
    expect(attempts).toBeLessThan(20);
  });

  it('passes on what is no value’s fault', async () => {
    const session = new FakeSession((statement) => (statement.startsWith('INSERT') ? new ElstreamError('DB_CONNECTION', 'retry', 'gone') : []));
    await expect(stage(session, [upsert('1')])).rejects.toMatchObject({ code: 'DB_CONNECTION', recovery: 'retry' });
  });
});
