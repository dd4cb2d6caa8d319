import { tableId, type LogPosition, type TableMapping, type TableName } from '@elstream/core';
import { createHash } from 'node:crypto';
import { type CaptureInstance, type SourceTable } from './catalog';
import { disableTable } from './statements';

const OURS = /^elstream_[0-9a-f]{20}(?:_2)?$/;

/**
 * Names of the instances that we make: of the table alone, since a table has at most two, which all pipelines share. The
 * second is for the time in which columns change.
 */
export function ownNames(table: TableName): readonly [string, string] {
  const hash = createHash('sha256').update(JSON.stringify([table.schema, table.name])).digest('hex').slice(0, 20);
  return [`elstream_${hash}`, `elstream_${hash}_2`];
}

/** Whether we have made it: nothing else is ever dropped by us. */
export function isOurs(instance: string): boolean {
  return OURS.test(instance);
}

export interface WantedTable {
  readonly id: string;
  readonly source: TableName;
  /** Mapped columns. */
  readonly columns: readonly string[];
}

export function wantedTable({ id, source, columns }: TableMapping): WantedTable {
  return { id, source, columns: columns.map((column) => column.source) };
}

export interface InstancePlan {
  readonly enable: readonly { readonly table: TableName; readonly instance: string }[];
  /** What keeps tables from being captured, as sentences with the remedy. */
  readonly problems: readonly string[];
}

/**
 * What has to be made so that each table is captured with all its mapped columns. An instance that is there is taken,
 * whoever made it: with two of a table Debezium reads the older one up to the start of the newer one, then that; so the
 * newest has to fit, and a second one of our own beside a fitting one would do harm.
 *
 * @param instances newest last, with their columns
 */
export function planInstances(wanted: readonly WantedTable[], tables: ReadonlyMap<string, SourceTable>, instances: readonly CaptureInstance[]): InstancePlan {
  const [enable, problems]: [{ table: TableName; instance: string }[], string[]] = [[], []];
  for (const table of wanted) {
    const unfit = misfitOf(table, tables.get(table.id));
    if (unfit !== null) {
      problems.push(unfit);
      continue;
    }
    const own = instancesOf(table.id, instances);
    const newest = own.at(-1);
    const missing = newest === undefined ? [] : table.columns.filter((column) => !newest.columns.includes(column));
    if (newest !== undefined && missing.length === 0) continue;
    const [oldest] = own;
    if (own.length < 2) enable.push({ table: table.source, instance: freeName(table.source, own) });
    else problems.push(`capture instance ${newest?.name ?? ''} of table ${table.id} lacks the column${missing.length === 1 ? '' : 's'} ${missing.join(', ')}, and a table has at most two instances; once the connector has read past the start of the newer one, run ${disableTable(table.source, oldest?.name ?? '')} and prepare again`);
  }
  return { enable, problems };
}

/** Those that read on, newest last. */
export function instancesOf(table: string, instances: readonly CaptureInstance[]): CaptureInstance[] {
  return instances.filter((instance) => instance.table === table && !instance.dropping);
}

function freeName(table: TableName, own: readonly CaptureInstance[]): string {
  const [first, second] = ownNames(table);
  return own.some(({ name }) => name === first) ? second : first;
}

function misfitOf({ id, columns }: WantedTable, table: SourceTable | undefined): string | null {
  if (table === undefined) return `table ${id} is not there at the source, or the login may not see it`;
  if (table.history) return `${id} is the history table of a system-versioned table, which SQL Server does not capture; name its current table`;
  const gone = columns.filter((column) => !table.columns.has(column));
  if (gone.length > 0) return `table ${id} has no column ${gone.join(', ')}`;
  const computed = columns.filter((column) => table.columns.get(column)?.computed === true);
  return computed.length === 0 ? null : `column ${computed.join(', ')} of table ${id} is computed: SQL Server captures NULL for it; exclude it (tables.settings.columns.exclude)`;
}

/** Table ids as the counter table's own mapping would have it. */
export function wantedCounter(table: TableName): WantedTable {
  return { id: tableId(table), source: table, columns: ['pipeline', 'value'] };
}

/**
 * An older instance that the connector has read past, for people; null: there is none. It must not stay: Debezium tells
 * older from newer by their starts, which the clean-up makes equal, and may then read the older one again, without the
 * columns that came since.
 *
 * @param tables ids of the captured tables
 */
export function supersededInstance(tables: Iterable<string>, instances: readonly CaptureInstance[], delivered: LogPosition): string | null {
  for (const id of tables) {
    const [older, newer] = instancesOf(id, instances);
    if (older === undefined || newer === undefined || newer.start === null || delivered.isBelow(newer.start)) continue;
    return `table ${id} has two capture instances, and the connector has read past the start of the newer one, ${newer.name}; end the older before the clean-up makes their starts equal, by which the connector tells them apart: ${disableTable(older.source, older.name)}`;
  }
  return null;
}
