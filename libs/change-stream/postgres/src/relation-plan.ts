import { ElstreamError, type ColumnType, type TableMapping } from '@elstream/core';
import { type Relation, type RelationColumn } from './pgoutput';

/** How rows of one relation become rows of its mapping. Valid for exactly this relation and mapping object. */
export interface RelationPlan {
  readonly relation: Relation;
  readonly mapping: TableMapping;
  /** Per relation column its index in the mapping, -1: left out. */
  readonly targets: readonly number[];
  /** Indices into the mapping of masked columns. */
  readonly masked: readonly number[];
}

/**
 * Matches columns by name: order and dropped columns do not matter, and partitions may differ from their root in both.
 * @param previous the relation's last shape under the same mapping, null: none
 * @throws ElstreamError STREAM_SCHEMA_CHANGED (stop) naming table and column
 */
export function planRelation(relation: Relation, mapping: TableMapping, previous: Relation | null): RelationPlan {
  const bySource = new Map(mapping.columns.map((column, index) => [column.source, index]));
  const found = new Map(relation.columns.map((column) => [column.name, column]));
  const before = new Map(previous?.columns.map((column) => [column.name, column]) ?? []);
  for (const column of mapping.columns) {
    const now = found.get(column.source);
    if (now === undefined) throw schemaChanged(mapping, column.source, 'no longer exists (or is a generated column, which this server does not publish)');
    if (losesSilently(now, column.type)) throw schemaChanged(mapping, column.source, 'has a type that the warehouse column would cut or round');
    const then = before.get(column.source);
    if (then !== undefined && precisionChanged(then, now)) throw schemaChanged(mapping, column.source, 'changed its precision');
  }
  for (const index of mapping.key) {
    if ((mapping.columns[index]?.mask ?? null) !== null) throw schemaChanged(mapping, mapping.columns[index]?.source ?? '?', 'is masked and a key column');
  }
  return {
    relation,
    mapping,
    targets: relation.columns.map((column) => bySource.get(column.name) ?? -1),
    masked: mapping.columns.flatMap((column, index) => (column.mask === null ? [] : [index])),
  };
}

/** Columns of the relation that the mapping does not know. */
export function newColumns(relation: Relation, previous: Relation): string[] {
  const known = new Set(previous.columns.map((column) => column.name));
  return relation.columns.filter((column) => !known.has(column.name)).map((column) => column.name);
}

function schemaChanged(mapping: TableMapping, column: string, what: string): ElstreamError {
  return new ElstreamError('STREAM_SCHEMA_CHANGED', 'stop', `column ${column} of ${mapping.id} ${what}; plan the table anew (prepare) and preload it again`, {
    place: { table: mapping.id },
  });
}

/** Built-in types by oid (pg_type.dat; these never change). Types not listed cannot be judged here. */
const BUILT_IN: Readonly<Record<number, (typmod: number) => ColumnType>> = {
  21: () => ({ kind: 'integer', bits: 16 }),
  23: () => ({ kind: 'integer', bits: 32 }),
  20: () => ({ kind: 'integer', bits: 64 }),
  1700: (typmod) => (typmod < 4 ? { kind: 'decimal', precision: null, scale: null } : { kind: 'decimal', precision: ((typmod - 4) >> 16) & 0xffff, scale: numericScale(typmod) }),
  700: () => ({ kind: 'float', bits: 32 }),
  701: () => ({ kind: 'float', bits: 64 }),
  1082: () => ({ kind: 'date' }),
  1083: () => ({ kind: 'time', zone: false }),
  1266: () => ({ kind: 'time', zone: true }),
  1114: () => ({ kind: 'timestamp', zone: false }),
  1184: () => ({ kind: 'timestamp', zone: true }),
};

/** Eleven bits, signed: a negative scale rounds to tens, hundreds … */
function numericScale(typmod: number): number {
  return (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
}

/**
 * True if the warehouse would take a value of the relation's type into a column planned for `planned` and change it
 * without a complaint. What fails loudly there needs no check here.
 */
export function losesSilently(column: RelationColumn, planned: ColumnType): boolean {
  const now = BUILT_IN[column.typeOid]?.(column.typmod);
  if (now === undefined) return false;
  switch (planned.kind) {
    case 'decimal':
      if (now.kind === 'float') return planned.scale !== null;
      return now.kind === 'decimal' && planned.scale !== null && (now.scale === null || now.scale > planned.scale);
    case 'float':
      return now.kind === 'float' ? now.bits > planned.bits : now.kind === 'decimal' || (now.kind === 'integer' && now.bits * 2 > planned.bits);
    case 'date':
      return now.kind === 'timestamp';
    case 'time':
      return now.kind === 'timestamp' || (now.kind === 'time' && now.zone !== planned.zone);
    case 'timestamp':
      return now.kind === 'timestamp' && now.zone !== planned.zone;
    default:
      return false;
  }
}

/** Date and time types whose typmod is a number of fraction digits that `ColumnType` does not hold. */
const FRACTION_TYPES: ReadonlySet<number> = new Set([1083, 1266, 1114, 1184, 1186]);

function precisionChanged(then: RelationColumn, now: RelationColumn): boolean {
  return then.typeOid === now.typeOid && then.typmod !== now.typmod && FRACTION_TYPES.has(now.typeOid);
}
