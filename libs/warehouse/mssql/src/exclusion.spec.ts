import { exclusionLocks } from './exclusion';

const names = (sql: string): string[] => [...sql.matchAll(/N'(elstream:[^']*)'/g)].map(([, name]) => name ?? '');
const modes = (sql: string): string[] => [...sql.matchAll(/@LockMode = N'(\w+)'/g)].map(([, mode]) => mode ?? '');

describe('exclusion of batches and merges (R4)', () => {
  it('a batch takes the pipeline shared and its partition’s lane of each table', () => {
    const sql = exclusionLocks({ by: 'batch', partition: 'inv.dbo.lines-19' }, 'p', ['b', 'a', 'b'], 5);
    expect(modes(sql)).toEqual(['Shared', 'Exclusive', 'Exclusive']);
    expect(names(sql).slice(1).every((name) => name.endsWith(':3'))).toBe(true);
    expect(sql).not.toContain('WHILE');
  });

  it('takes tables in one order, however they are given', () => {
    const of = (tables: string[]): string => exclusionLocks({ by: 'switch' }, 'p', tables, 5);
    expect(of(['a', 'b', 'c'])).toBe(of(['c', 'b', 'a']));
    expect(names(of(['a', 'b', 'c'])).slice(1)).toEqual([...names(of(['a', 'b', 'c'])).slice(1)].sort());
  });

  it.each([['merge', 'Shared'], ['switch', 'Exclusive']] as const)('a %s takes all lanes %s', (by, mode) => {
    const sql = exclusionLocks({ by }, 'p', ['a'], 5);
    expect(modes(sql)).toEqual(['Shared', mode]);
    expect(sql).toContain('@lane < 16');
  });

  it('a switch of very many tables takes the pipeline alone', () => {
    expect(modes(exclusionLocks({ by: 'switch' }, 'p', Array.from({ length: 33 }, (_, i) => String(i)), 5))).toEqual(['Exclusive']);
  });

  it('of no table is none, and pipelines exclude only themselves', () => {
    expect(exclusionLocks({ by: 'switch' }, 'p', [], 5)).toBe('');
    expect(names(exclusionLocks({ by: 'merge' }, 'p', ['a'], 5))).not.toEqual(names(exclusionLocks({ by: 'merge' }, 'q', ['a'], 5)));
  });
});
