import { controlColumns } from './control-columns';
import { sharedControlEntitiesFor } from './control-tables';

interface Transformer {
  to(value: unknown): unknown;
  from(value: unknown): unknown;
}

describe('the columns of control tables on SQL Server', () => {
  const transformer = (column: 'uuid' | 'json'): Transformer => controlColumns.mssql[column].transformer as Transformer;

  it('give a uuid in lower case, as PostgreSQL and Node do', () => {
    expect(transformer('uuid').from('0000ABCD-0000-0000-0000-00000000000F')).toBe('0000abcd-0000-0000-0000-00000000000f');
    expect(transformer('uuid').from(null)).toBeNull();
  });

  it.each([[{ a: ['\0', 'ä𝄞'] }], [[]], [null]])('give JSON back as it was put in: %j', (value) => {
    const { to, from } = transformer('json');
    const stored = to(value);
    expect(stored === null || typeof stored === 'string').toBe(true);
    expect(from(stored)).toEqual(value);
  });

  it('leave an expression to TypeORM', () => {
    const expression = (): string => 'SYSUTCDATETIME()';
    expect(transformer('json').to(expression)).toBe(expression);
    expect(transformer('json').to(undefined)).toBeUndefined();
  });

  it('are of the same tables and names as PostgreSQL’s', () => {
    const names = (product: 'postgres' | 'mssql') => sharedControlEntitiesFor(product).map(({ options }) => [options.name, options.tableName, Object.entries(options.columns).map(([property, column]) => [property, column?.name, column?.nullable])]);
    expect(names('mssql')).toEqual(names('postgres'));
  });
});
