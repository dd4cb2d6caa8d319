import type { TableMapping } from '@elstream/core';
import { requireHoldableKeys } from './holdable-key';
import { keysAsArrays } from './keys-as-arrays';
import type { Target } from './target';

const mapping = { id: 'dbo.t', columns: [{ source: 'v' }, { source: 'code' }], key: [1] } as unknown as TableMapping;

describe('a key of SQL Server', () => {
  it.each(['a\0', 'a\ud83d', '\ude00b'])('%j, which no text of PostgreSQL holds, is asked for under no other name', (cell) => {
    const refused = expect.objectContaining({ recovery: 'park', code: 'VALUE_UNFIT', message: expect.stringContaining('key column code') as string }) as unknown as Error;
    expect(() => requireHoldableKeys(mapping, [['x'], [cell]])).toThrow(refused);
    expect(() => keysAsArrays({ mapping, key: [] } as unknown as Target, [[cell]], 1)).toThrow(refused);
  });

  it('of any characters is', () => {
    expect(() => requireHoldableKeys(mapping, [['\ud83d\ude00'], [''], ['\u0001\ufffd']])).not.toThrow();
  });
});
