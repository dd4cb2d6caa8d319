import { refusalsOf } from './refusals';
import { int, mappingOf, text } from './stream.fixture';

const handling = { time: 'microseconds', decimal: 'string', binary: 'bytes', unavailableValue: 'x' } as const;
const column = (name: string, native: string) => ({ name, type: { kind: 'other' } as const, native });

describe('refusalsOf', () => {
  it('names table, column, type and what to do, of every table', () => {
    const tables = [mappingOf('a', ['id'], [int('id'), column('moods', 'public.mood[]'), text('v')]), mappingOf('b', ['id'], [int('id'), column('bits', 'bit varying(5)')])];
    const refusals = refusalsOf(tables, { connector: 'postgresql', handling });
    expect(refusals).toHaveLength(2);
    expect(refusals[0]).toMatch(/^column moods of table public\.a \(public\.mood\[\]\) is an array .*leave the column out.*exclude.*stream\.type.*direct$/);
    expect(refusals[1]).toMatch(/^column bits of table public\.b \(bit varying\(5\)\)/);
  });

  it('has nothing to say of SQL Server, or of what Debezium carries', () => {
    expect(refusalsOf([mappingOf('a', ['id'], [int('id'), text('v'), column('i', 'interval')])], { connector: 'postgresql', handling })).toEqual([]);
    expect(refusalsOf([mappingOf('a', ['id'], [int('id'), column('h', 'hierarchyid')])], { connector: 'sqlserver', handling })).toEqual([]);
  });
});
