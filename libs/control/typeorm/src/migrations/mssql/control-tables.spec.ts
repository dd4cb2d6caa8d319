import { mssqlControlTables } from './control-tables';

const BYTES: Readonly<Record<string, number>> = { int: 4, bigint: 8, uniqueidentifier: 16, bit: 1, datetimeoffset: 10 };

/** Bytes at most of each column of a table, by its name; a type that is no key's is infinite. */
const sizes = new Map(
  mssqlControlTables.flatMap((statement) => {
    const [, table] = /^CREATE TABLE elstream\.\[?(\w+)/.exec(statement) ?? [];
    if (table === undefined) return [];
    const columns = [...statement.matchAll(/^ {4}\[?(\w+)\]? (nvarchar\((\d+)\)|[a-z]+)/gm)].map(([, column = '', type = '', length]) => [column, length === undefined ? (BYTES[type] ?? Infinity) : 2 * Number(length)] as const);
    return [[table, new Map(columns)] as const];
  }),
);

const bytesOf = (table: string, columns: string): number => columns.split(',').reduce((sum, column) => sum + (sizes.get(table)?.get(/\w+/.exec(column)?.[0] ?? '') ?? NaN), 0);

describe('the control tables on SQL Server', () => {
  it('are all read here', () => expect(sizes.size).toBe(13));

  it('have keys that fit: 900 bytes clustered, 1,700 else', () => {
    const keys = mssqlControlTables.flatMap((statement) => {
      const [, own = ''] = /^CREATE TABLE elstream\.\[?(\w+)/.exec(statement) ?? [];
      const clustered = [...statement.matchAll(/KEY CLUSTERED \(([^)]+)\)/g)].map(([, columns = '']) => ({ bytes: bytesOf(own, columns), most: 900 }));
      const inline = [...statement.matchAll(/^ {4}\[?(\w+)\]? .*(?:KEY|UNIQUE) CLUSTERED,?$/gm)].map(([, column = '']) => ({ bytes: bytesOf(own, column), most: 900 }));
      const [, on = '', columns = ''] = /^CREATE (?:UNIQUE )?INDEX \w+ ON elstream\.(\w+) \(([^)]+)\)/.exec(statement) ?? [];
      return [...clustered, ...inline, ...(on === '' ? [] : [{ bytes: bytesOf(on, columns), most: 1_700 }])];
    });
    expect(keys.length).toBeGreaterThan(20);
    expect(keys.filter(({ bytes, most }) => !(bytes <= most))).toEqual([]);
  });

  it('tell texts apart bytewise, whatever the collation of the database', () => {
    const texts = mssqlControlTables.flatMap((statement) => [...statement.matchAll(/^ {4}(?! ).* n?varchar\(.*$/gm)].map(([line]) => line));
    expect(texts.length).toBeGreaterThan(60);
    expect(texts.filter((line) => !line.includes('COLLATE Latin1_General_100_BIN2'))).toEqual([]);
  });

  it('have constraints of different names, which share a schema with the tables', () => {
    const names = [...sizes.keys(), ...mssqlControlTables.flatMap((statement) => [...statement.matchAll(/CONSTRAINT (\w+)/g)].map(([, name = '']) => name))];
    expect(names.filter((name, i) => names.indexOf(name) < i)).toEqual([]);
    for (const name of names) expect(name.length).toBeLessThanOrEqual(128);
  });

  it('have no unique index over a column that may be NULL: the server takes two NULLs for equal', () => {
    const unique = mssqlControlTables.filter((statement) => /^CREATE UNIQUE INDEX/.test(statement));
    expect(unique).toHaveLength(1);
    // pipeline and lane of a run, both NOT NULL
    expect(unique[0]).toContain('run (pipeline, lane) WHERE');
    const run = mssqlControlTables.find((statement) => statement.startsWith('CREATE TABLE elstream.run (')) ?? '';
    for (const column of ['pipeline', 'lane']) expect(run).toMatch(new RegExp(`^ {4}${column} .* NOT NULL`, 'm'));
  });
});
