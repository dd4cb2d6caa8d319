import { type ColumnType } from '@elstream/core';
import { POSTGRES, SQL_SERVER } from './connect/connect.fixture';
import { planConnector } from './connect/plan-connector';
import { binary, decimal, mappingOf, text, timestamp, timestamptz } from './debezium.fixture';
import { type Connector, type HandlingModes } from './handling';
import { refusedColumns } from './refusal';

const other: ColumnType = { kind: 'other' };
const time: ColumnType = { kind: 'time', zone: false };

interface Options {
  readonly connector?: Connector;
  readonly handling?: Partial<HandlingModes>;
  readonly targetType?: string;
}

/** Why a column of that type is refused under the modes we register (and others), or null. */
function whyRefused(type: ColumnType, native: string, { connector = 'postgresql', handling = {}, targetType = 'text' }: Options = {}): string | null {
  const planned = planConnector(connector === 'postgresql' ? POSTGRES : SQL_SERVER).handling;
  const mapping = mappingOf([{ name: 'v', type, native }]);
  const columns = mapping.columns.map((column) => ({ ...column, targetType }));
  const [refused] = refusedColumns({ mapping: { ...mapping, columns }, natives: [native], connector, handling: { ...planned, ...handling } });
  if (refused !== undefined) expect(refused).toMatchObject({ column: 'v', native });
  return refused?.why ?? null;
}

describe('refusedColumns', () => {
  it.each([
    ['bit varying'],
    ['bit varying(5)[]'],
    ['time with time zone'],
    ['time(3) with time zone[]'],
    ['public.hstore'],
    ['int2vector'],
    ['oidvector'],
    ['public."Mood.of day"[]'],
    ['"odd schema".pair[]'],
    ['public.amount[]'],
  ])('names a column of %s, with what to do', (native) => {
    expect(whyRefused(other, native)).toContain('leave the column out');
  });

  it.each(['varbit(5)', 'timetz', 'timetz(0)', 'int2vector'])('sees through a domain over %s', (type) => {
    expect(whyRefused(other, 'public.code', { targetType: `pg_catalog.${type}` })).toContain('leave the column out');
  });

  it.each<[ColumnType, string]>([
    [time, 'time without time zone'],
    [timestamp, 'timestamp without time zone'],
    [timestamptz, 'timestamp with time zone'],
    [binary, 'bytea'],
    [decimal(null, null), 'numeric'],
    [text, 'text'],
    [other, 'interval'],
    [other, 'bit(9)'],
    [other, 'public."Mood.of day"'],
    [other, 'numeric(10,2)[]'],
    [other, 'text[]'],
    [other, 'public.citext[]'],
  ])('takes %j %s under the modes we register', (type, native) => {
    expect(whyRefused(type, native)).toBeNull();
  });

  it.each<[ColumnType, string, Partial<HandlingModes>, string]>([
    [time, 'time without time zone', { time: 'isostring' }, 'microseconds'],
    [timestamp, 'timestamp without time zone', { time: 'nanoseconds' }, 'microseconds'],
    [timestamp, 'timestamp(6) without time zone', { time: 'connect' }, 'microseconds'],
    [binary, 'bytea', { binary: 'base64' }, 'bytes'],
    [decimal(38, 10), 'numeric(38,10)', { decimal: 'double' }, 'string'],
    [decimal(5, 2), 'numeric(5,2)', { decimal: 'precise' }, 'string'],
  ])('names %j %s under %j, and the mode that carries it', (type, native, handling, remedy) => {
    expect(whyRefused(type, native, { handling })).toContain(`set it to ${remedy}`);
  });

  it.each<[ColumnType, string]>([
    [binary, 'varbinary(max)'],
    [time, 'time(7)'],
    [other, 'hierarchyid'],
  ])('leaves SQL Server its %j %s', (type, native) => {
    expect(whyRefused(type, native, { connector: 'sqlserver' })).toBeNull();
  });
});
