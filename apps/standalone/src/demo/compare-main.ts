/**
 * SOURCE_URL=… WAREHOUSE_URL=… node compare-main.js
 * Compares the four tables both ways with EXCEPT, knowing nothing of the product: only connection strings. One line of
 * JSON on stdout; exit code 0: equal, 1: differences, 2: could not be compared.
 */
import { randomBytes } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { KEYS } from './audit';

export interface TableComparison {
  readonly source: number;
  readonly warehouse: number;
  /** Rows that SELECT … EXCEPT SELECT … leaves, in each direction. */
  readonly onlyInSource: number;
  readonly onlyInWarehouse: number;
  /** Distinct keys among them. */
  readonly keys: number;
  readonly examples: readonly string[];
}

export type Comparison = Readonly<Record<string, TableComparison>>;

/** Text forms that differ only if the values do, whatever the servers' defaults. */
const SESSION = `SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 3; SET bytea_output = 'hex'`;

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, application_name: 'elstream demo comparison' });
  await client.connect();
  await client.query(SESSION);
  return client;
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

async function columnsOf(source: Client, table: string): Promise<string[]> {
  const { rows } = await source.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [`inventory.${table}`],
  );
  return rows.map((row) => quote(row.name));
}

/** A database compares only what lies in it: both sides' rows are copied, as text, into a third one. */
async function compareTable(clients: { readonly source: Client; readonly warehouse: Client; readonly scratch: Client }, table: string, key: string): Promise<TableComparison> {
  const { scratch } = clients;
  const columns = await columnsOf(clients.source, table);
  for (const side of ['source', 'warehouse'] as const) {
    await scratch.query(`DROP TABLE IF EXISTS ${side}; CREATE TEMP TABLE ${side} (${columns.map((c) => `${c} text`).join(', ')})`);
    const rows = clients[side].query(copyTo(`COPY (SELECT ${columns.join(', ')} FROM inventory.${table}) TO STDOUT`));
    await pipeline(rows, scratch.query(copyFrom(`COPY ${side} FROM STDIN`)));
  }
  const { rows } = await scratch.query<{ source: string; warehouse: string; only_source: string; only_warehouse: string; keys: string; examples: string[] | null }>(`
    WITH only_source AS (SELECT * FROM source EXCEPT SELECT * FROM warehouse),
         only_warehouse AS (SELECT * FROM warehouse EXCEPT SELECT * FROM source),
         keys AS (SELECT ${key} FROM only_source UNION SELECT ${key} FROM only_warehouse)
    SELECT (SELECT count(*) FROM source) AS source, (SELECT count(*) FROM warehouse) AS warehouse,
           (SELECT count(*) FROM only_source) AS only_source, (SELECT count(*) FROM only_warehouse) AS only_warehouse,
           (SELECT count(*) FROM keys) AS keys, (SELECT array_agg(${key}) FROM (SELECT ${key} FROM keys LIMIT 5) k) AS examples`);
  const [found] = rows;
  if (found === undefined) throw new Error(`no result for ${table}`);
  return {
    source: Number(found.source),
    warehouse: Number(found.warehouse),
    onlyInSource: Number(found.only_source),
    onlyInWarehouse: Number(found.only_warehouse),
    keys: Number(found.keys),
    examples: found.examples ?? [],
  };
}

async function compare(sourceUrl: string, warehouseUrl: string): Promise<Comparison> {
  const source = await connect(sourceUrl);
  const warehouse = await connect(warehouseUrl);
  const name = `comparison_${randomBytes(6).toString('hex')}`;
  await warehouse.query(`CREATE DATABASE ${name} TEMPLATE template0`);
  try {
    const url = new URL(warehouseUrl);
    url.pathname = `/${name}`;
    const scratch = await connect(url.href);
    try {
      const out: Record<string, TableComparison> = {};
      for (const [table, key] of Object.entries(KEYS)) out[table] = await compareTable({ source, warehouse, scratch }, table, key);
      return out;
    } finally {
      await scratch.end();
    }
  } finally {
    await warehouse.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await Promise.all([source.end(), warehouse.end()]);
  }
}

/** Same rows and, as EXCEPT forgets duplicates, the same number of them. */
export function isEqual({ source, warehouse, keys }: TableComparison): boolean {
  return keys === 0 && source === warehouse;
}

async function main({ SOURCE_URL, WAREHOUSE_URL }: NodeJS.ProcessEnv): Promise<number> {
  if (SOURCE_URL === undefined || WAREHOUSE_URL === undefined) {
    process.stderr.write('set SOURCE_URL and WAREHOUSE_URL\n');
    return 2;
  }
  try {
    const comparison = await compare(SOURCE_URL, WAREHOUSE_URL);
    process.stdout.write(`${JSON.stringify(comparison)}\n`);
    return Object.values(comparison).every(isEqual) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
}

if (require.main === module) void main(process.env).then((code) => (process.exitCode = code));
