import { at, begin, commit, insert, message, relation, remove, truncate, tuple, update } from './messages.fixture';
import { decodeTuples, parsePgoutput } from './pgoutput';

describe('parsePgoutput', () => {
  it.each<[string, Buffer, object]>([
    ['begin, its time counted from 1970', begin(0x1_0000_0001n, 1n), { kind: 'begin', position: at(0x1_0000_0001n), committedAtUs: 946_684_800_000_001n }],
    ['commit with both positions', commit(5n, 9n), { kind: 'commit', position: at(5n), end: at(9n) }],
    ['truncate of several relations', truncate(1, 4_000_000_000), { kind: 'truncate', relations: [1, 4_000_000_000] }],
    ['a logical message', message('p', 'ü', false), { kind: 'message', transactional: false, prefix: 'p', content: Buffer.from('ü') }],
    [
      'a relation',
      relation(3, 't ü', ['a', ['b', 1700, 655_366]], ''),
      {
        kind: 'relation',
        relation: {
          oid: 3,
          schema: 'pg_catalog',
          name: 't ü',
          columns: [
            { name: 'a', typeOid: 25, typmod: -1, identity: true },
            { name: 'b', typeOid: 1700, typmod: 655_366, identity: true },
          ],
        },
      },
    ],
    ['origin, which does not concern us', Buffer.from('O12345678x\0'), { kind: 'ignored' }],
  ])('reads %s', (_name, bytes, expected) => {
    expect(parsePgoutput(bytes)).toEqual(expected);
  });

  it.each<[string, Buffer]>([
    ['an unknown message', Buffer.from('S1234')],
    ['nothing', Buffer.alloc(0)],
    ['a cut begin', begin(5n).subarray(0, 8)],
    ['a relation cut in a name', relation(3, 'name', ['a']).subarray(0, 14)],
  ])('refuses %s', (_name, bytes) => {
    expect(() => parsePgoutput(bytes)).toThrow(RangeError);
  });
});

describe('decodeTuples', () => {
  const body = (bytes: Buffer): Buffer => {
    const parsed = parsePgoutput(bytes);
    if (parsed.kind !== 'row') throw new Error('not a row');
    return parsed.tuples;
  };

  it.each<[string, Buffer, readonly number[], object]>([
    ['tells NULL, empty and unknown apart', insert(1, [null, '', undefined]), [0, 1, 2], { old: null, row: [null, '', undefined] }],
    ['places cells in the mapping order and leaves columns out', insert(1, ['a', 'left out', 'c']), [1, -1, 0], { old: null, row: ['c', 'a'] }],
    ['reads an old key beside the row', update(1, ['2', 'x'], ['K', ['1', null]]), [0, 1], { old: { whole: false, cells: ['1', null] }, row: ['2', 'x'] }],
    ['reads a whole old row', remove(1, 'O', ['1', 'x']), [0, 1], { old: { whole: true, cells: ['1', 'x'] }, row: null }],
    ['keeps characters beyond the BMP', insert(1, ['😀']), [0], { old: null, row: ['😀'] }],
  ])('%s', (_name, bytes, targets, expected) => {
    expect(decodeTuples(body(bytes), targets, targets.filter((target) => target >= 0).length)).toEqual(expected);
  });

  it.each<[string, Buffer]>([
    ['a tuple of another width', insert(1, ['a', 'b'])],
    ['a binary value', Buffer.concat([Buffer.from('I\0\0\0\u0001N\0\u0001b\0\0\0\u0001x')])],
    ['a cut value', insert(1, ['abcdef']).subarray(0, 14)],
    ['two old tuples', Buffer.concat([Buffer.from('U\0\0\0\u0001K'), tuple(['a']), Buffer.from('K'), tuple(['a'])])],
  ])('refuses %s', (_name, bytes) => {
    expect(() => decodeTuples(body(bytes), [0], 1)).toThrow(RangeError);
  });
});
