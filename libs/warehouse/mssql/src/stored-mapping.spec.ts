import type { TableMapping } from '@elstream/core';
import { isStored, KnownMappings } from './stored-mapping';

const mapping: TableMapping = {
  id: 'dbo.t',
  source: { schema: 'dbo', name: 't' },
  target: { schema: 'dbo', name: 't' },
  columns: [{ source: 'id', target: 'id', type: { kind: 'integer', bits: 64 }, targetType: 'bigint', nullable: false, mask: null }],
  key: [0],
  chunkRows: 100,
};

describe('the stored mapping of a table', () => {
  it.each<[string, Partial<TableMapping>, boolean]>([
    ['the same', {}, true],
    ['of other chunks', { chunkRows: 7 }, true],
    ['with its parts in another order', { target: { name: 't', schema: 'dbo' } }, true],
    ['of another type', { columns: mapping.columns.map((c) => ({ ...c, targetType: 'int' })) }, false],
    ['of another target', { target: { schema: 'dbo', name: 'u' } }, false],
    ['that keeps history', { history: { kind: 'derived', target: { schema: 'dbo', name: 'a' }, source: null, period: null } }, false],
  ])('%s', (_what, change, same) => {
    expect(isStored(JSON.stringify({ ...mapping, ...change }), mapping)).toBe(same);
  });

  it('is known by its hash once it was found to be ours', () => {
    const known = new KnownMappings();
    expect(known.of('p', mapping)).toBeNull();
    expect(known.learn('p', mapping, { stored: JSON.stringify({ ...mapping, chunkRows: 9 }), hash: 'A1' })).toBe(true);
    expect(known.of('p', { ...mapping })).toBe('A1');
    expect(known.of('q', mapping)).toBeNull();
    expect(known.learn('p', mapping, { stored: JSON.stringify({ ...mapping, key: [] }), hash: 'A2' })).toBe(false);
    expect(known.of('p', mapping)).toBe('A1');
  });
});
