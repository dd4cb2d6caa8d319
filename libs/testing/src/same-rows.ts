import { Client } from 'pg';

/** Rows of one side: a database and which of a table's columns to read. */
export interface RowsOf {
  /** Connection string. */
  readonly url: string;
  /** Table as written in SQL, quoted where needed. */
  readonly table: string;
  /** Columns as written in SQL, in an order that matches the other side's. */
  readonly columns: readonly string[];
}

/** How two tables differ, as multisets of rows; rows as JSON arrays of the values' text. */
export interface RowDifferences {
  readonly sourceRows: number;
  readonly warehouseRows: number;
  readonly onlyInSource: readonly string[];
  readonly onlyInWarehouse: readonly string[];
}

const asText = { getTypeParser: () => (value: unknown) => value };

/** Settings under which equal values have equal text, whatever the database's own settings. */
const canonical = "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1";

/** Compares two tables of (possibly) two servers by the text of every value, both ways, counting duplicates. */
export async function compareRows(source: RowsOf, warehouse: RowsOf): Promise<RowDifferences> {
  const counts = new Map<string, number>();
  let [sourceRows, warehouseRows] = [0, 0];
  for await (const row of rowsAsText(source)) {
    counts.set(row, (counts.get(row) ?? 0) + 1);
    sourceRows += 1;
  }
  const onlyInWarehouse: string[] = [];
  for await (const row of rowsAsText(warehouse)) {
    warehouseRows += 1;
    const left = counts.get(row) ?? 0;
    if (left === 0) onlyInWarehouse.push(row);
    else if (left === 1) counts.delete(row);
    else counts.set(row, left - 1);
  }
  const onlyInSource = [...counts].flatMap(([row, n]) => Array.from({ length: n }, () => row));
  return { sourceRows, warehouseRows, onlyInSource, onlyInWarehouse };
}

/** Throws with the first differing rows unless both tables hold the same rows. Returns their number. */
export async function expectSameRows(source: RowsOf, warehouse: RowsOf): Promise<number> {
  const found = await compareRows(source, warehouse);
  const { onlyInSource, onlyInWarehouse } = found;
  if (onlyInSource.length === 0 && onlyInWarehouse.length === 0) return found.sourceRows;
  const sample = (rows: readonly string[]): string => rows.slice(0, 5).map((row) => `\n    ${row.slice(0, 500)}`).join('');
  throw new Error(
    `${source.table} and ${warehouse.table} differ (${String(found.sourceRows)} and ${String(found.warehouseRows)} rows)` +
      `\n  only in the source: ${String(onlyInSource.length)}${sample(onlyInSource)}` +
      `\n  only in the warehouse: ${String(onlyInWarehouse.length)}${sample(onlyInWarehouse)}`,
  );
}

/** Through a cursor, so that a big table does not pass through memory twice. */
async function* rowsAsText({ url, table, columns }: RowsOf): AsyncGenerator<string> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(canonical);
    await client.query(`BEGIN; DECLARE rows_of CURSOR FOR SELECT ${columns.join(', ')} FROM ${table}`);
    for (;;) {
      const { rows } = await client.query<unknown[]>({ text: 'FETCH 5000 FROM rows_of', types: asText, rowMode: 'array' });
      if (rows.length === 0) return;
      for (const row of rows) yield JSON.stringify(row);
    }
  } finally {
    await client.end();
  }
}
