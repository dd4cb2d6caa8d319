import { directMoment } from '@elstream/change-stream';
import { LogPosition, type Standing, type TableMapping } from '@elstream/core';
import { judge, slices, unequalColumns } from './compare-rows';

const at = (n: number): LogPosition => LogPosition.fromBigInt(BigInt(n), 8);
const stream = (n: number): Standing => ({ is: 'row', version: { epoch: 1, kind: 'stream', position: at(n) } });
const preload: Standing = { is: 'row', version: { epoch: 1, kind: 'preload', position: at(99) } };
const marker = (n: number): Standing => ({ is: 'marker', version: { epoch: 1, kind: 'stream', position: at(n) } });
const nothing = { standing: { is: 'nothing' }, row: null } as const;

describe('a comparison', () => {
  const column = (name: string) => ({ source: name, target: name.toUpperCase(), type: { kind: 'text', maxLength: null, padded: false }, targetType: 'text', nullable: true, mask: null }) as const;
  const mapping: TableMapping = { id: 'public.t', source: { schema: 'public', name: 't' }, target: { schema: 'public', name: 't' }, columns: [column('id'), column('a'), column('b')], key: [0], chunkRows: 10 };
  const a = directMoment(at(50));
  it.each([
    ['absent on both sides is equal', undefined, nothing, { is: 'equal' }],
    ['a delete of what the source has not is equal, whenever it was', undefined, { standing: marker(99), row: null }, { is: 'equal' }],
    ['equal text is equal, whatever the version', ['1', 'x', null], { standing: stream(99), row: ['1', 'x', null] }, { is: 'equal' }],
    ['NULL is not empty', ['1', 'x', null], { standing: preload, row: ['1', 'x', ''] }, { is: 'difference', kind: 'unequal', columns: ['B'] }],
    ['a row written at A was due in the read', ['1', 'x', 'y'], { standing: stream(50), row: ['1', 'z', 'y'] }, { is: 'difference', kind: 'unequal', columns: ['A'] }],
    ['a row newer than A may be right', ['1', 'x', 'y'], { standing: stream(51), row: ['1', 'z', 'y'] }, { is: 'in-flight' }],
    ['a preload row counts as old', ['1', 'x', 'y'], { standing: preload, row: ['1', 'z', 'y'] }, { is: 'difference', kind: 'unequal', columns: ['A'] }],
    ['a mended row counts as old', ['1', 'x', 'y'], { standing: { is: 'row', version: { epoch: 1, kind: 'stream', position: LogPosition.ZERO } }, row: ['1', 'z', 'y'] }, { is: 'difference', kind: 'unequal', columns: ['A'] }],
    ['nothing where the source has a row is missing', ['1', 'x', 'y'], nothing, { is: 'difference', kind: 'missing', columns: [] }],
    ['a delete at or below A of what the source has is missing', ['1', 'x', 'y'], { standing: marker(50), row: null }, { is: 'difference', kind: 'missing', columns: [] }],
    ['a delete newer than A may be right', ['1', 'x', 'y'], { standing: marker(51), row: null }, { is: 'in-flight' }],
    ['an old row the source has not is extra', undefined, { standing: stream(10), row: ['1', 'z', 'y'] }, { is: 'difference', kind: 'extra', columns: [] }],
    ['a new row the source has not may be right', undefined, { standing: stream(60), row: ['1', 'z', 'y'] }, { is: 'in-flight' }],
  ] as const)('%s', (_name, source, warehouse, expected) => {
    expect(judge(mapping, source, warehouse, a)).toEqual(expected);
  });

  it('names the target columns that differ', () => {
    expect(unequalColumns(mapping, ['1', 'x', 'y'], ['1', 'X', 'Y'])).toEqual(['A', 'B']);
  });

  it('is cut into pieces that together are the whole', () => {
    expect(slices([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(slices([], 2)).toEqual([]);
  });
});
