import { bareType, type Product } from '@elstream/core';
import { keyRefusal, warehouseTypeOf } from './warehouse-type';
import { MSSQL_REFUSED, MSSQL_SAMPLES, POSTGRES_SAMPLES, type TypeSample } from './type-samples';

/** What every type becomes in a warehouse of either product, as `warehouseTypeOf` decides it. */
export function typesPage(): string {
  return [
    '<!-- Made by `npm run docs -w @elstream/config`; do not edit. -->',
    '# Types',
    '',
    'What a column of the source becomes in the warehouse where the pipeline file gives it no other type (`tables.settings[].columns.type`).',
    'No default loses anything: what the other product has no type for is kept as its text, times in a form that sorts as the source does. The',
    'few values that a type cannot hold are *parked*: they become dead letters that say so, while everything else goes on.',
    '',
    'A type set explicitly may hold less. A PostgreSQL warehouse then rounds numbers and times, and validation names every row that lost digits as a',
    'difference; a SQL Server warehouse parks every value that does not fit exactly. Columns of the key keep their type. A column masked by a hash is',
    '`nvarchar(64)` on SQL Server and `text` on PostgreSQL.',
    '',
    '## From SQL Server',
    '',
    ...table(MSSQL_SAMPLES, 'mssql'),
    '',
    'Computed columns are not captured by CDC and therefore left out. Period columns of a system-versioned table are plain `datetime2` in the warehouse.',
    '',
    'Refused by name when a pipeline is planned, unless `columns.exclude` leaves the column out:',
    '',
    '| SQL Server | why |',
    '|---|---|',
    ...MSSQL_REFUSED.map(([type, why]) => `| ${type} | ${why} |`),
    '',
    '## From PostgreSQL',
    '',
    ...table(POSTGRES_SAMPLES, 'postgres'),
    '',
    'Refused by name when a pipeline is planned: pseudo types, and the `reg…` types, whose values are names of this one database.',
    '',
    '## Keys',
    '',
    'Text in the key of a SQL Server warehouse is `nvarchar` of at most 450 UTF-16 units (900 bytes, what an index takes) and compares bytewise',
    '(`Latin1_General_100_BIN2`); on PostgreSQL it compares by the collation `C`. SQL Server takes two keys that differ in blanks at the end only for',
    'one: the second is parked.',
    '',
  ].join('\n');
}

function table(samples: readonly TypeSample[], from: Product): string[] {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const head = ['type', 'on PostgreSQL', 'on SQL Server', 'in a key', 'parked on the other product', 'note'];
  const other: Product = from === 'mssql' ? 'postgres' : 'mssql';
  return [
    row(head),
    `|${'---|'.repeat(head.length)}`,
    ...samples.map(({ column, note }) => {
      const on = (to: Product, key = false): string => code(bareType(warehouseTypeOf(column, from, to, { key }).targetType));
      const across = warehouseTypeOf(column, from, other, { key: false });
      return row([code(column.native), on('postgres'), on('mssql'), keyCell(column, from, other), across.parks ?? '', note]);
    }),
  ];
}

const code = (type: string): string => `\`${type}\``;

/** Only where the key differs from the rest. */
function keyCell(column: TypeSample['column'], from: Product, to: Product): string {
  if (keyRefusal(column, from, to) !== null) return `refused on ${to === 'mssql' ? 'SQL Server' : 'PostgreSQL'}`;
  const [key, plain] = [true, false].map((is) => warehouseTypeOf(column, from, to, { key: is }).targetType);
  return key === plain ? '' : `SQL Server: ${code(key ?? '')}`;
}
