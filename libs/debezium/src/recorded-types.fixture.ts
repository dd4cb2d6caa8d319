import { ElstreamError, type TableMapping } from '@elstream/core';
import { CANONICAL_SETTINGS } from '@elstream/database';
import { type SourceTable } from '@elstream/source';
import { createPostgresSource } from '@elstream/source-postgres';
import { OWN_TYPES, POSTGRES_TYPES, type PostgresType, type TestDatabase } from '@elstream/testing';
import { type Capture, type RecordedEvent } from './capture.fixture';
import { createEnvelopeDecoder, type EnvelopeDecoder } from './envelope-decoder';

/** Types of which some value stops the connector (its task fails): planning has to leave such columns out of the capture. */
export const STOPPING = ['timetz', 'numerics', 'int2vector', 'oidvector', 'enums', 'domain_domains', 'composites'];

/** A connector does not even start on a database that has a domain over an enum, used or not. */
export const OWN_TYPES_WITHOUT_DOMAIN_OVER_ENUM = `${OWN_TYPES} DROP DOMAIN public.mood;`;

/** The value at which the connector hangs: it goes on calling itself RUNNING and sends nothing more. */
const HANGING = '2562047788:00:54.775807';

export const CAPTURABLE: readonly PostgresType[] = POSTGRES_TYPES.filter(({ name }) => name !== 'domain_enum').map((type) => ({ ...type, values: type.values.filter((value) => !value.includes(HANGING)) }));

const DECIMAL_ARRAYS: readonly PostgresType[] = [
  { name: 'numerics', type: 'numeric(10,2)[]', values: ["'{1,NULL,-0.005}'", "'{}'"] },
  { name: 'numerics_whole', type: 'numeric(5)[]', values: ["'{1,NULL,-99999}'"] },
  { name: 'numerics_round', type: 'numeric(5,-3)[]', values: ["'{12345678,NULL,-500}'"] },
  { name: 'numerics_free', type: 'numeric[]', values: ["'{1,NULL,-0.5,1.0}'"] },
];

/** The types without the values of decimals that are no number, which stop `precise`; arrays of decimals beside them. */
export function finite(types: readonly PostgresType[]): PostgresType[] {
  const withNumbers = types.map((type) => (/^(?:numeric|domain_numeric)/.test(type.name) ? { ...type, values: type.values.filter((value) => !/NaN|Infinity/.test(value)) } : type));
  return [...withNumbers, ...DECIMAL_ARRAYS];
}

/** The described tables with what PostgreSQL itself prints, under the settings under which we preload. */
export async function describeTables(db: TestDatabase): Promise<readonly SourceTable[]> {
  const source = await createPostgresSource({ url: db.url, counterPrefix: 'elstream:test', maxConnections: 2 });
  try {
    return await source.describe({ include: ['public.*'], exclude: [], keys: new Map(), excludedColumns: new Map() });
  } finally {
    await source.close();
  }
}

export async function textOfRows(db: TestDatabase, table: string): Promise<Record<string, string | null>[]> {
  for (const [name, value] of Object.entries(CANONICAL_SETTINGS)) await db.query('SELECT set_config($1, $2, false)', [name, value]);
  return db.queryText(`SELECT * FROM ${table} ORDER BY 1`);
}

/** A decoder of some columns, the key among them. */
export function decoderFor({ schema }: SourceTable, { handling }: Pick<Capture, 'handling'>, columns = schema.columns.map((c) => c.name)): EnvelopeDecoder {
  const chosen = schema.columns.filter((c) => columns.includes(c.name) || schema.key.includes(c.name));
  const mapping: TableMapping = {
    id: `${schema.schema}.${schema.name}`,
    source: { schema: schema.schema, name: schema.name },
    target: { schema: schema.schema, name: schema.name },
    columns: chosen.map((c) => ({ source: c.name, target: c.name, type: c.type, targetType: c.portable, nullable: c.nullable, mask: null })),
    key: schema.key.map((name) => chosen.findIndex((c) => c.name === name)),
    chunkRows: 1000,
  };
  return createEnvelopeDecoder({ mapping, natives: chosen.map((c) => c.native), connector: 'postgresql', handling });
}

/**
 * Where the decoded cells are not PostgreSQL's own text, column by column: `parked` a value of which the decoder says that it
 * cannot be had, `MANGLED` one that is wrong.
 */
export function deviations(table: SourceTable, capture: Capture, events: readonly RecordedEvent[], rows: readonly Record<string, string | null>[]): string[] {
  const found: string[] = [];
  for (const { name } of table.schema.columns) {
    let decoder: EnvelopeDecoder;
    try {
      decoder = decoderFor(table, capture, [name]);
    } catch (error) {
      if (!(error instanceof ElstreamError) || error.code !== 'DEBEZIUM_PLAN') throw error;
      found.push(`${name}: refused`);
      continue;
    }
    for (const event of events) {
      const decoded = decoder.decode(event);
      const key = decoded.op === 'insert' || decoded.op === 'poison' ? decoded.key?.[0] : undefined;
      const wanted = rows.find((row) => row['id'] === key)?.[name];
      const text = JSON.stringify(wanted)?.slice(0, 40) ?? 'nothing';
      if (decoded.op === 'poison') found.push(`${name} ${text}: parked`);
      else if (decoded.op !== 'insert' || decoded.row[decoded.row.length - 1] !== wanted) found.push(`${name} ${text}: MANGLED to ${decoded.op === 'insert' ? (JSON.stringify(decoded.row[decoded.row.length - 1])?.slice(0, 40) ?? 'unknown') : decoded.op}`);
    }
  }
  return found;
}
