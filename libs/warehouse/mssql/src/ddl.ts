import { ElstreamError, type TableMapping } from '@elstream/core';
import { bracket, bracketTable, knownMssqlType, nString, t, type Mssql } from '@elstream/database';
import { changedSince, readRelation, wantedColumn, type Relation } from './catalog';
import { ddlLock, dynamic, escalationOff, UNLIMITED } from './ddl-batch';
import { createArchive, createAsOf } from './history/ddl';
import { commit, leave, runTransaction, serverTransaction } from './server-transaction';
import { columnDefinition, EPOCH_COLUMN, POSITION_COLUMN, POSITION_TYPE, type EntityColumn, type Target } from './target';

/**
 * DDL from the entity's description. TypeORM's own `createTable` is not used: it quotes names without escaping them
 * and splits table names at dots. Lock escalation is off: a batch may touch more rows than would make the server lock the table.
 */
export function createTableSql(table: string, columns: readonly EntityColumn[], key: readonly EntityColumn[]): string {
  return `IF OBJECT_ID(${nString(table)}, N'U') IS NULL CREATE TABLE ${table} (${[...columns.map(columnLine), `${EPOCH_COLUMN} int NOT NULL`, `${POSITION_COLUMN} ${POSITION_TYPE} NULL`, primaryKey(key)].join(', ')});
${escalationOff(table)}`;
}

function columnLine(column: EntityColumn): string {
  return `${columnDefinition(column, column.quoted)} ${column.nullable ? 'NULL' : 'NOT NULL'}`;
}

/** A clustered index holds keys of 900 bytes, any other 1,700. */
const CLUSTERED_BYTES = 900;

export function primaryKey(key: readonly EntityColumn[]): string {
  const bytes = key.reduce((sum, column) => sum + mostBytes(column.type), 0);
  return `PRIMARY KEY ${bytes > CLUSTERED_BYTES ? 'NONCLUSTERED' : 'CLUSTERED'} (${key.map((c) => c.quoted).join(', ')})`;
}

function mostBytes(type: string): number {
  const shape = knownMssqlType(type);
  switch (shape?.of) {
    case 'text':
      return (shape.length ?? CLUSTERED_BYTES) * (shape.unicode ? 2 : 1);
    case 'binary':
      return shape.length ?? CLUSTERED_BYTES + 1;
    default:
      // the longest of all others is decimal(38)
      return 17;
  }
}

/** The table of delete markers, which has the target's key. */
export function createMarkersSql(target: Target): string {
  return createTableSql(target.markerSql, target.key, target.key);
}

/** How often the transaction is planned anew where the tables were changed meanwhile. */
const PLANS = 5;

/** Creates what is missing of schema, target, markers and state row, in one transaction per table. */
export async function createTarget(db: Mssql, pipeline: string, target: Target): Promise<void> {
  for (let plan = 1; ; plan += 1) {
    const markers = await readRelation(db, target.markerTable);
    const table = await readRelation(db, target.table);
    const archive = target.archive === null ? null : await readRelation(db, target.archive.table);
    const statement = createTargetSql(pipeline, target, { table, markers, archive, lockMs: db.lockMs });
    const { outcome } = await runTransaction(db, statement, { pipeline: t.nvarchar(pipeline, 100), table: t.nvarchar(target.mapping.id, 300) }, UNLIMITED);
    if (outcome === 'created') return;
    if (plan === PLANS) throw new ElstreamError('EVOLUTION_RACE', 'retry', 'the warehouse table is being altered by somebody else; looked at again', { place: { table: target.mapping.id } });
  }
}

export interface Standing {
  readonly table: Relation | null;
  readonly markers: Relation | null;
  readonly archive: Relation | null;
  readonly lockMs: number;
}

export function createTargetSql(pipeline: string, target: Target, { table, markers, archive, lockMs }: Standing): string {
  const stood = [table, markers, archive].filter((r) => r !== null);
  return serverTransaction({
    lockMs,
    pipeline,
    exclusion: { by: 'switch' },
    tables: [],
    body: [
      ddlLock(target.sql, lockMs),
      `IF ${changedSince(stood)}\n${leave('moved')}`,
      createSchema(target.table.schema),
      createTableSql(target.sql, target.columns, target.key),
      ...(markers !== null && !isMarkersOf(markers, target) ? [dropMarkersOfAnotherKey(target)] : []),
      createMarkersSql(target),
      createArchive(target, { table, archive }),
      createAsOf(target, { table, archive }, table === null || archive === null),
      ensureState(target),
      commit('created'),
    ].filter((line) => line !== '').join('\n'),
  });
}

export function createSchema(schema: string): string {
  return `IF SCHEMA_ID(${nString(schema)}) IS NULL ${dynamic(`CREATE SCHEMA ${bracket(schema)}`)}`;
}

/** Markers of another key are of an earlier life of the table: nothing needs them while it is not loaded. */
function dropMarkersOfAnotherKey(target: Target): string {
  return `IF NOT EXISTS (SELECT 1 FROM elstream.table_state WHERE pipeline = @pipeline AND table_id = @table AND phase NOT IN (N'new', N'stopped')) DROP TABLE ${target.markerSql};`;
}

function isMarkersOf(markers: Relation, target: Target): boolean {
  const wanted = target.key.map(wantedColumn);
  const shape = (columns: readonly { name: string; type: string; collation: string | null }[]): string => JSON.stringify(columns.map((c) => [c.name, c.type, /char|text/.test(c.type) ? c.collation : null]));
  return shape(markers.columns.slice(0, -2)) === shape(wanted);
}

/** A table that stood before its state begins above the epochs of its rows: a fill never replaces rows of a newer epoch. Epoch 0: it was stopped before it was ever prepared. */
function ensureState(target: Target): string {
  const highest = `DECLARE @highest int = 0;
${dynamicInto(`SELECT @highest = ISNULL(MAX(${EPOCH_COLUMN}), 0) FROM ${target.sql}`, 'highest int')}`;
  return `IF NOT EXISTS (SELECT 1 FROM elstream.table_state WHERE pipeline = @pipeline AND table_id = @table AND epoch > 0)
BEGIN
  ${highest}
  UPDATE elstream.table_state SET epoch = @highest WHERE pipeline = @pipeline AND table_id = @table AND epoch = 0;
  IF @@ROWCOUNT = 0 INSERT INTO elstream.table_state (pipeline, table_id, epoch) VALUES (@pipeline, @table, @highest);
END;`;
}

/** A dynamic statement with one output variable, as `name type`. */
function dynamicInto(statement: string, variable: string): string {
  const [name = ''] = variable.split(' ');
  return dynamic(statement, `${nString(`@${variable} OUTPUT`)}, @${name} = @${name} OUTPUT`);
}

/** Quoted names of all tables a mapping has in the warehouse. */
export function dataTables(mapping: TableMapping): string[] {
  return [mapping.target, ...(mapping.history === undefined ? [] : [mapping.history.target])].map(bracketTable);
}

export { targetProblems } from './table-problems';
