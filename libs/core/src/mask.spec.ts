import { type EventCell } from './column-type';
import { mappingOf, integerKey } from './core.fixture';
import { applyMask, hasHashMask } from './mask';
import { type Mask } from './table';

const hash: Mask = { kind: 'hash', secret: 'k' };

describe('a mask', () => {
  it.each<[string, EventCell, Mask | null, EventCell]>([
    ['none leaves a value', 'x', null, 'x'],
    ['none leaves NULL', null, null, null],
    ['none leaves unknown', undefined, null, undefined],
    ['null hides a value', 'x', { kind: 'null' }, null],
    ['null hides NULL', null, { kind: 'null' }, null],
    ['null hides unknown, so that no clear value can be carried over', undefined, { kind: 'null' }, null],
    ['hash leaves NULL', null, hash, null],
    ['hash leaves unknown', undefined, hash, undefined],
  ])('%s', (_what, cell, mask, expected) => {
    expect(applyMask(cell, mask)).toBe(expected);
  });

  it('hash is a keyed HMAC-SHA-256 in hex (RFC 4231, test case 2)', () => {
    expect(applyMask('what do ya want for nothing?', { kind: 'hash', secret: 'Jefe' })).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  });

  it('hash keeps equal values joinable and unequal ones apart, also the empty text', () => {
    expect(applyMask('a', hash)).toBe(applyMask('a', hash));
    expect(new Set([applyMask('a', hash), applyMask('b', hash), applyMask('', hash), applyMask('a', { kind: 'hash', secret: 'l' })]).size).toBe(4);
    expect(applyMask('a', hash)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is looked for in every column', () => {
    const mapping = mappingOf('t', [integerKey]);
    const masked = (mask: Mask | null) => ({ ...mapping, columns: mapping.columns.map((c, i) => (i === 2 ? { ...c, mask } : c)) });
    expect([null, { kind: 'null' as const }, hash].map((m) => hasHashMask(masked(m)))).toEqual([false, false, true]);
  });
});
