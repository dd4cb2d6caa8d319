import { createHash } from 'node:crypto';
import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';
import type { TableMapping, TableName } from '@elstream/core';
import { CONTROL_SCHEMA, quoteName, quoteTable, typeormColumn, typeormName, typeormProperty } from '@elstream/database';
import { BEGIN_COLUMN, buildArchive, keepsBegin, TIMESTAMPTZ, type Archive } from './history/archive';

/** A row's version (R5) in the target itself. Position NULL: kind *preload*; bytes: kind *stream*, empty is the lowest. */
export const EPOCH_COLUMN = '__elstream_epoch';
export const POSITION_COLUMN = '__elstream_position';

export const EPOCH_PROPERTY = typeormProperty('epoch');
export const POSITION_PROPERTY = typeormProperty('position');
export const BEGIN_PROPERTY = typeormProperty('begin');

/** One row as TypeORM writes it: values by the columns' entity properties, plus epoch and position. */
export type EntityRow = Record<string, string | number | Buffer | null>;

/** A column of a target or marker table, as its entity says it. */
export interface EntityColumn {
  /** Column name in staging tables: `c0`, `c1`, … */
  readonly property: string;
  /** Property name in the entity. */
  readonly entityProperty: string;
  readonly name: string;
  readonly quoted: string;
  readonly type: string;
  readonly collation: string | null;
  readonly nullable: boolean;
}

/**
 * A target table and its marker table as TypeORM entities, built from the mapping: the one description from which DDL,
 * column lists, small writes and the shape of bulk statements are made.
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
    return {
      property: `c${index}`,
      entityProperty: typeormProperty(`c${index}`),
      name: column.target,
      quoted: quoteName(column.target),
      type: column.targetType,
      // R6: broker and warehouse must agree on what an equal key is, so text keys compare bytewise
      collation: isKey && isCollatable(column.targetType) ? 'C' : null,
      // Only keys are NOT NULL: a constraint the source drops later must not stop the stream
      nullable: !isKey,
    };
  });
  const key = mapping.key.map((index) => {
    const column = columns[index];
    if (column === undefined) throw new RangeError(`key index ${index} of ${mapping.id} is out of range`);
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
    sql: quoteTable(mapping.target),
    markerSql: quoteTable(markerTable),
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
      type: typeormType(column.type) as never,
      nullable: column.nullable,
      primary: key.includes(column),
      ...(column.collation === null ? {} : { collation: column.collation }),
    };
  }
  properties[EPOCH_PROPERTY] = { name: typeormColumn(EPOCH_COLUMN), type: 'pg_catalog.int4' as never };
  properties[POSITION_PROPERTY] = { name: typeormColumn(POSITION_COLUMN), type: 'pg_catalog.bytea' as never, nullable: true };
  if (of.begin) properties[BEGIN_PROPERTY] = { name: typeormColumn(BEGIN_COLUMN), type: TIMESTAMPTZ as never, nullable: true };
  return new EntitySchema<EntityRow>({ name, schema: typeormName(table.schema), tableName: typeormName(table.name), columns: properties as never });
}

/**
 * The column's type as its entity gives it. TypeORM knows types by their lower-case names and converts values of some
 * (`timestamptz` through Date, `json` through JSON.stringify); cells are text already. PostgreSQL reads both spellings alike.
 */
function typeormType(type: string): string {
  return type.includes('.') ? type : type.toUpperCase();
}

/** Types that take a COLLATE clause. */
function isCollatable(type: string): boolean {
  return /^(pg_catalog\.)?(text|varchar|character varying|bpchar|character|char)\b/.test(type) && !type.endsWith(']');
}

/** Short and stable: names the marker table and the advisory lock of a table. */
export function tableHash(pipeline: string, tableId: string): string {
  return createHash('sha256').update(`${pipeline}\0${tableId}`, 'utf8').digest('hex').slice(0, 16);
}

/** Definition of one column for CREATE TABLE. */
export function columnDefinition(column: EntityColumn, name: string): string {
  return `${name} ${column.type}${column.collation === null ? '' : ` COLLATE pg_catalog.${quoteName(column.collation)}`}`;
}
