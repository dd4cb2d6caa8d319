import type { StandingColumn, WantedColumn } from '../catalog';
import { isWidening, planAlterations, type AlterationRules } from './alterations';

const BIN2 = 'Latin1_General_100_BIN2';
const standing = (name: string, type: string, more: Partial<StandingColumn> = {}): StandingColumn => ({ name, type, collation: null, nullable: true, filled: false, unwritable: null, ...more });
const wanted = (name: string, type: string, more: Partial<WantedColumn> = {}): WantedColumn => ({ name, quoted: `[${name}]`, type, collation: null, isKey: false, ...more });
const kept: AlterationRules = { retype: () => true, values: 'kept', release: false };
const emptied: AlterationRules = { retype: () => true, values: 'none', release: true };
const actions = (have: readonly StandingColumn[], want: readonly WantedColumn[], rules = kept): readonly string[] => planAlterations(have, want, rules).actions;

describe('altering a table on SQL Server', () => {
  it('does nothing where nothing differs, in whatever order the columns stand', () => {
    expect(planAlterations([standing('b', 'int'), standing('a', 'nvarchar(5)', { collation: 'German_CI_AS' })], [wanted('a', 'nvarchar(5)'), wanted('b', 'int')], kept)).toEqual({ actions: [], added: [], retyped: [] });
  });

  it.each<readonly [string, StandingColumn[], WantedColumn[], string[]]>([
    ['adds a column, nullable while rows stand', [], [wanted('a', 'int', { isKey: true })], ['ADD [a] int NULL']],
    ['says whether a widened column is nullable, which would else be left to the session', [standing('a', 'int', { nullable: false })], [wanted('a', 'bigint')], ['ALTER COLUMN [a] bigint NOT NULL']],
    ['keeps the collation that somebody chose', [standing('a', 'nvarchar(5)', { collation: 'German_CI_AS' })], [wanted('a', 'nvarchar(9)')], ['ALTER COLUMN [a] nvarchar(9) COLLATE German_CI_AS NULL']],
    ['gives a key its collation', [standing('a', 'nvarchar(5)', { collation: 'German_CI_AS', nullable: false })], [wanted('a', 'nvarchar(5)', { collation: BIN2, isKey: true })], [`ALTER COLUMN [a] nvarchar(5) COLLATE ${BIN2} NOT NULL`]],
    ['says no collation of a number', [standing('a', 'nvarchar(5)', { collation: 'German_CI_AS' })], [wanted('a', 'int')], ['ALTER COLUMN [a] int NULL']],
  ])('%s', (_what, have, want, expected) => {
    expect(actions(have, want)).toEqual(expected);
  });

  it('makes nullable what the source has no more, but neither what fills itself nor elstream’s own', () => {
    const have = [standing('gone', 'int', { nullable: false }), standing('noted', 'int', { nullable: false, filled: true }), standing('__elstream_epoch', 'int', { nullable: false }), standing('we]ird', 'nvarchar(3)', { nullable: false, collation: 'German_CI_AS' })];
    expect(actions(have, [], { ...kept, release: true })).toEqual(['ALTER COLUMN [gone] int NULL', 'ALTER COLUMN [we]]ird] nvarchar(3) COLLATE German_CI_AS NULL']);
    expect(actions(have, [])).toEqual([]);
  });

  it.each<readonly [string, string, string, string[]]>([
    ['where an implicit conversion leads, in place', 'int', 'nvarchar(9)', ['ALTER COLUMN [a] nvarchar(9) NULL']],
    ['numbers among themselves', 'float', 'decimal(9,2)', ['ALTER COLUMN [a] decimal(9,2) NULL']],
    ['by way of a text where none leads straight', 'int', 'date', ['ALTER COLUMN [a] nvarchar(4000) NULL', 'ALTER COLUMN [a] date NULL']],
    ['by way of a text from one time to another', 'date', 'time(3)', ['ALTER COLUMN [a] nvarchar(4000) NULL', 'ALTER COLUMN [a] time(3) NULL']],
    ['as another column where no way leads', 'xml', 'int', ['DROP COLUMN [a]', 'ADD [a] int NULL']],
    ['as another column from bytes', 'varbinary(9)', 'nvarchar(9)', ['DROP COLUMN [a]', 'ADD [a] nvarchar(9) NULL']],
  ])('in an empty table, another type comes %s', (_what, from, to, expected) => {
    expect(actions([standing('a', from)], [wanted('a', to)], emptied)).toEqual(expected);
  });

  it('in an empty table, columns get and lose NOT NULL with the key', () => {
    expect(actions([standing('old', 'int', { nullable: false }), standing('new', 'int')], [wanted('old', 'int'), wanted('new', 'int', { isKey: true })], emptied)).toEqual(['ALTER COLUMN [old] int NULL', 'ALTER COLUMN [new] int NOT NULL']);
  });

  it.each([
    ['int', 'bigint', true],
    ['bigint', 'int', false],
    ['tinyint', 'smallint', true],
    ['decimal(10,2)', 'decimal(12,2)', true],
    ['decimal(12,2)', 'decimal(12,4)', false],
    ['decimal(10,2)', 'numeric(10,2)', false],
    ['nvarchar(10)', 'nvarchar(20)', true],
    ['nvarchar(20)', 'nvarchar(10)', false],
    ['nvarchar(20)', 'nvarchar(max)', true],
    ['nvarchar(max)', 'nvarchar(20)', false],
    ['varchar(20)', 'nvarchar(20)', true],
    ['varbinary(8)', 'varbinary(max)', true],
    ['real', 'float', true],
    ['float', 'real', false],
    ['datetime2(3)', 'datetime2(7)', true],
    ['datetime2(7)', 'datetime2(3)', false],
    ['int', 'nvarchar(max)', true],
    ['nvarchar(max)', 'int', false],
  ])('from %s to %s is wider: %s', (from, to, wider) => {
    expect(isWidening(from, to)).toBe(wider);
  });
});
