import { createHash } from 'node:crypto';
import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';
import type { ColumnType, TableMapping, TableName } from '@elstream/core';
import { bracket, bracketTable, CONTROL_SCHEMA, mssqlType, typeormColumn, typeormName, typeormProperty, type MssqlType } from '@elstream/database';
import { BEGIN_COLUMN, buildArchive, keepsBegin, TIME_TYPE, type Archive } from './history/archive';

/** A row's version (R5) in the target itself. Position NULL: kind *preload*; bytes: kind *stream*, empty is the lowest. */
export const EPOCH_COLUMN = '__elstream_epoch';
export const POSITION_COLUMN = '__elstream_position';
/** Wide enough for any source's positions, which have one width per pipeline: varbinary compares as if zeros followed. */
export const POSITION_TYPE = 'varbinary(16)';

/** R6: broker and warehouse must agree on what an equal key is, so text keys compare bytewise. */
export const KEY_COLLATION = 'Latin1_General_100_BIN2';

/** One row as TypeORM knows it: values by the columns' entity properties, plus epoch and position. */
export type EntityRow = Record<string, string | number | Buffer | null>;

/** A column of a target or marker table, as its entity says it. */
export interface EntityColumn {
  /** Column name in staging tables: `c0`, `c1`, … */
  readonly property: string;
  /** Property name in the entity. */
  readonly entityProperty: string;
  readonly name: string;
  /** In brackets. */
  readonly quoted: string;
  /** In T-SQL's spelling, without a collation; of a text key without a length, or longer than an index can hold: `nvarchar(450)`. */
  readonly type: string;
  /** What its values are, for their canonical text. */
  readonly kind: ColumnType;
  /** Null: the database's own, or none. */
  readonly collation: string | null;
  readonly nullable: boolean;
}

/**
 * A target table and its marker table as TypeORM entities, built from the mapping: the one description from which DDL,
 * column lists and the shape of all statements are made.
 */
export interface Target {
  readonly mapping: TableMapping;
  readonly entity: EntitySchema<EntityRow>;
  readonly markers: EntitySchema<EntityRow>;
  readonly table: TableName;
  readonly markerTable: TableName;
  /** Quoted `schema.table`. */
  readonly sql: string;
  readonly markerSql: string;
  /** In mapping order. */
  readonly columns: readonly EntityColumn[];
  /** Key columns in key order. */
  readonly key: readonly EntityColumn[];
  /** Superseded versions; null: not kept. */
  readonly archive: Archive | null;
  /** Rows carry `__elstream_valid_from`. */
  readonly keepsBegin: boolean;
}

/** All of a mapping that its target is built from, as text. */
export function shapeOf(mapping: TableMapping): string {
  return JSON.stringify([mapping.target, mapping.key, mapping.columns.map((c) => [c.target, c.targetType]), mapping.history]);
}

export function buildTarget(pipeline: string, mapping: TableMapping): Target {
  const keySet = new Set(mapping.key);
  const columns = mapping.columns.map((column, index): EntityColumn => {
    const isKey = keySet.has(index);
    const type = mssqlType(column.targetType);
    return {
      property: `c${String(index)}`,
      entityProperty: typeormProperty(`c${String(index)}`),
      name: column.target,
      quoted: bracket(column.target),
      type: isKey ? keyType(type) : type.name,
      kind: column.type,
      collation: isKey && type.of === 'text' ? KEY_COLLATION : type.collation,
      // Only keys are NOT NULL: a constraint the source drops later must not stop the stream
      nullable: !isKey,
    };
  });
  const key = mapping.key.map((index) => {
    const column = columns[index];
    if (column === undefined) throw new RangeError(`key index ${String(index)} of ${mapping.id} is out of range`);
    return column;
  });
  const id = tableHash(pipeline, mapping.id);
  // TypeORM knows entities by their names: while a schema change is followed, batches of the earlier mapping go on beside it
  const shape = createHash('sha256').update(shapeOf(mapping), 'utf8').digest('hex').slice(0, 12);
  const markerTable = { schema: CONTROL_SCHEMA, name: `marker_${id}` };
  return {
    mapping,
    table: mapping.target,
    markerTable,
    sql: bracketTable(mapping.target),
    markerSql: bracketTable(markerTable),
    columns,
    key,
    archive: buildArchive(id, mapping, columns),
    keepsBegin: keepsBegin(mapping),
    entity: entityOf({ name: `target_${id}_${shape}`, table: mapping.target, begin: keepsBegin(mapping) }, columns, key),
    markers: entityOf({ name: `marker_${id}_${shape}`, table: markerTable, begin: false }, key, key),
  };
}

function entityOf(of: { name: string; table: TableName; begin: boolean }, columns: readonly EntityColumn[], key: readonly EntityColumn[]): EntitySchema<EntityRow> {
  const { name, table } = of;
  const properties: Record<string, EntitySchemaColumnOptions> = {};
  for (const column of columns) {
    properties[column.entityProperty] = {
      name: typeormColumn(column.name),
      type: column.type as never,
      nullable: column.nullable,
      primary: key.includes(column),
      ...(column.collation === null ? {} : { collation: column.collation }),
    };
  }
  properties[typeormProperty('epoch')] = { name: typeormColumn(EPOCH_COLUMN), type: 'int' };
  properties[typeormProperty('position')] = { name: typeormColumn(POSITION_COLUMN), type: POSITION_TYPE as never, nullable: true };
  if (of.begin) properties[typeormProperty('begin')] = { name: typeormColumn(BEGIN_COLUMN), type: TIME_TYPE as never, nullable: true };
  return new EntitySchema<EntityRow>({ name, schema: typeormName(table.schema), tableName: typeormName(table.name), columns: properties as never });
}

/** Types that take a COLLATE clause. */
export function isText(type: string): boolean {
  return /^(?:n?varchar|n?char|n?text)\b/i.test(type);
}

/** 900 bytes: what the key of a clustered index holds. */
const KEY_CHARS = 450;

/**
 * Texts are Unicode, since the bytewise collation has a code page that lacks most characters. What cannot be a key for its
 * length is as long as a key can be, and a longer value is parked.
 */
function keyType(type: MssqlType): string {
  if (type.of === 'text') return `${type.padded ? 'nchar' : 'nvarchar'}(${String(Math.min(type.length ?? KEY_CHARS, KEY_CHARS))})`;
  if (type.of === 'binary' && (type.length === null || type.length > 2 * KEY_CHARS)) return `varbinary(${String(2 * KEY_CHARS)})`;
  return type.name;
}

/** Short and stable: names the marker table and the locks of a table. */
export function tableHash(pipeline: string, tableId: string): string {
  return createHash('sha256').update(`${pipeline}\0${tableId}`, 'utf8').digest('hex').slice(0, 16);
}

/** The type with its collation, as `stagedColumn` and `cellValue` take it. */
export function fullType(column: Pick<EntityColumn, 'type' | 'collation'>): string {
  return `${column.type}${column.collation === null ? '' : ` COLLATE ${column.collation}`}`;
}

/** Definition of one column for CREATE TABLE, without nullability. */
export function columnDefinition(column: Pick<EntityColumn, 'type' | 'collation'>, name: string): string {
  return `${name} ${fullType(column)}`;
}

/** The same for a temporary table, which else would have the collation of tempdb, and with it another code page. */
export function temporaryColumn(column: Pick<EntityColumn, 'type' | 'collation'>, name: string): string {
  return `${columnDefinition(column, name)}${column.collation === null && isText(column.type) ? ' COLLATE DATABASE_DEFAULT' : ''}`;
}

/**
 * Equal keys, bytewise (R6): texts and binaries that differ in their trailing blanks or zeros only are equal to the server.
 *
 * @param left how each side spells a key column, e.g. `quotedOf('t')`
 */
export function keyEquals(key: readonly EntityColumn[], left: (column: EntityColumn, index: number) => string, right: (column: EntityColumn, index: number) => string): string {
  return key
    .map((column, i) => {
      const [a, b] = [left(column, i), right(column, i)];
      return isPadded(column.type) ? `${a} = ${b} AND DATALENGTH(${a}) = DATALENGTH(${b})` : `${a} = ${b}`;
    })
    .join(' AND ');
}

function isPadded(type: string): boolean {
  return /^(?:n?varchar|varbinary)\b/i.test(type);
}

/**
 * At a table whose rows a batch or a merge looks up by key, however small it seems beside what is staged: a plan that reads
 * all of it would wait for rows that batches of other partitions have written, and they for its own. Names no index: so it
 * may stand at the table that is written, too.
 */
export const SEEK = 'WITH (FORCESEEK)';

/** `alias.[column]`, for `keyEquals`. */
export const quotedOf = (alias: string) => (column: EntityColumn): string => `${alias}.${column.quoted}`;
/** `alias.c0`: of a staging table. */
export const stagedOf = (alias: string) => (column: EntityColumn): string => `${alias}.${column.property}`;
/** `alias.k0`: of a list of keys, or the key a staged row comes from. */
export const keyOf = (alias: string) => (_column: EntityColumn, index: number): string => `${alias}.k${String(index)}`;
