import { knownMssqlType } from './type-name';

describe('the spelling of a SQL Server type', () => {
  it.each([
    ['INT', 'int'],
    ['integer', 'int'],
    ['dec(5)', 'decimal(5,0)'],
    ['numeric ( 10 , 2 )', 'decimal(10,2)'],
    ['decimal', 'decimal(18,0)'],
    ['float', 'float'],
    ['float(53)', 'float'],
    ['float(24)', 'real'],
    ['double precision', 'float'],
    ['datetime2', 'datetime2(7)'],
    ['time(0)', 'time(0)'],
    ['datetimeoffset(3)', 'datetimeoffset(3)'],
    ['NVARCHAR(MAX)', 'nvarchar(max)'],
    ['national  character varying(5)', 'nvarchar(5)'],
    ['char', 'char(1)'],
    ['sysname', 'nvarchar(128)'],
    ['timestamp', 'rowversion'],
    ['varchar(20) COLLATE Latin1_General_CI_AS', 'varchar(20)'],
  ])('%s is understood as %s', (spelling, name) => {
    expect(knownMssqlType(spelling)?.name).toBe(name);
  });

  it('may have a collation, which is kept beside it', () => {
    expect(knownMssqlType('varchar(20) collate Latin1_General_100_CI_AS_SC_UTF8')?.collation).toBe('Latin1_General_100_CI_AS_SC_UTF8');
    expect(knownMssqlType('nvarchar(20)')?.collation).toBeNull();
  });

  it.each(['float(0)', 'float(max)', 'decimal(max)', 'decimal(0)', 'datetime2(max)', 'nvarchar(0)', 'varchar(max,2)', 'binary(max)', 'xml(5)', 'date(3)', 'toString'])('%s is none', (spelling) => {
    expect(knownMssqlType(spelling)).toBeNull();
  });
});
