import { ElstreamError, type ColumnType, type MappedColumn, type TableMapping } from '@elstream/core';
import { type Relation, type RelationColumn } from './pgoutput';

/** How rows of one relation become rows of its mapping. Valid for exactly this relation and mapping object. */
export interface RelationPlan {
  readonly relation: Relation;
  readonly mapping: TableMapping;
  /** Per relation column its index in the mapping, -1: left out. */
  readonly targets: readonly number[];
  /** Indices into the mapping of masked columns. */
  readonly masked: readonly number[];
  /** Why rows of this shape cannot be written as the mapping says, naming the column; null: they can. */
  readonly misfit: string | null;
}

/**
 * Matches columns by name: order and dropped columns do not matter, and partitions may differ from their root in both.
 * Mapped columns that the relation lacks are unknown in its rows (R6), columns that are not mapped are left out.
 */
export function planRelation(relation: Relation, mapping: TableMapping): RelationPlan {
  const bySource = new Map(mapping.columns.map((column, index) => [column.source, index]));
  return {
    relation,
    mapping,
    targets: relation.columns.map((column) => bySource.get(column.name) ?? -1),
    masked: mapping.columns.flatMap((column, index) => (column.mask === null ? [] : [index])),
    misfit: misfitOf(relation, mapping),
  };
}

function misfitOf(relation: Relation, mapping: TableMapping): string | null {
  const found = new Map(relation.columns.map((column) => [column.name, column]));
  for (const index of mapping.key) {
    const column = mapping.columns[index];
    if (column === undefined || column.mask !== null) return `column ${column?.source ?? '?'} of ${mapping.id} is masked and a key column`;
    if (!found.has(column.source)) return `key column ${column.source} of ${mapping.id} no longer exists`;
  }
  for (const column of mapping.columns) {
    // what is stored in a masked column's place has no type of the source
    if (column.mask !== null) continue;
    const now = found.get(column.source);
    const what = now === undefined ? null : outgrows(now, column);
    if (what !== null) return `column ${column.source} of ${mapping.id} ${what}`;
  }
  return null;
}

/** True if mapped columns are missing, or the relation has other columns than it had: worth a look at the catalog. */
export function isReshaped(plan: RelationPlan, previous: Relation | null): boolean {
  const names = new Set(plan.relation.columns.map((column) => column.name));
  if (plan.mapping.columns.some((column) => !names.has(column.source))) return true;
  const shape = (relation: Relation): string => JSON.stringify(relation.columns.map((c) => [c.name, c.typeOid, c.typmod]));
  return previous !== null && shape(previous) !== shape(plan.relation);
}

export function schemaChanged(mapping: TableMapping, misfit: string): ElstreamError {
  return new ElstreamError('STREAM_SCHEMA_CHANGED', 'stop', `${misfit}; the table has to be planned anew (prepare) and preloaded again`, { place: { table: mapping.id } });
}

/** Built-in types by oid (pg_type.dat; these never change). Types not listed cannot be judged here. */
const BUILT_IN: Readonly<Record<number, (typmod: number) => ColumnType>> = {
  21: () => ({ kind: 'integer', bits: 16 }),
  23: () => ({ kind: 'integer', bits: 32 }),
  20: () => ({ kind: 'integer', bits: 64 }),
  1700: (typmod) => (typmod < 4 ? { kind: 'decimal', precision: null, scale: null } : { kind: 'decimal', precision: ((typmod - 4) >> 16) & 0xffff, scale: numericScale(typmod) }),
  700: () => ({ kind: 'float', bits: 32 }),
  701: () => ({ kind: 'float', bits: 64 }),
  16: () => ({ kind: 'boolean' }),
  17: () => ({ kind: 'binary' }),
  19: () => ({ kind: 'text', maxLength: null, padded: false }),
  25: () => ({ kind: 'text', maxLength: null, padded: false }),
  1042: (typmod) => ({ kind: 'text', maxLength: typmod < 4 ? null : typmod - 4, padded: true }),
  1043: (typmod) => ({ kind: 'text', maxLength: typmod < 4 ? null : typmod - 4, padded: false }),
  114: () => ({ kind: 'json' }),
  3802: () => ({ kind: 'json' }),
  2950: () => ({ kind: 'uuid' }),
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

/** Digits of a fraction of a second that a type of this name holds; the warehouse column's own spelling tells fewer. */
const FULL_FRACTION = 6;

/**
 * Why values of the relation's type need not fit a warehouse column that was planned for another: they would be cut,
 * rounded, respelled or refused there. Null: they fit, or the type cannot be judged here (domains, arrays, extensions).
 */
export function outgrows(column: RelationColumn, { type: planned, targetType }: Pick<MappedColumn, 'type' | 'targetType'>): string | null {
  const now = BUILT_IN[column.typeOid]?.(column.typmod);
  if (now === undefined || planned.kind === 'other') return null;
  if (now.kind !== planned.kind) return `holds ${now.kind} values now, and was planned for ${planned.kind}`;
  if (isWider(now, planned)) return 'has a type wider than the warehouse column';
  if (now.kind === 'text' && planned.kind === 'text' && now.padded !== planned.padded) return 'is padded with blanks otherwise than planned';
  if ((now.kind !== 'time' || planned.kind !== 'time') && (now.kind !== 'timestamp' || planned.kind !== 'timestamp')) return null;
  if (now.zone !== planned.zone) return now.zone ? 'has a time zone now' : 'has no time zone any more';
  const digits = /^(?:pg_catalog\.)?time\w*\s*\((\d+)\)/i.exec(targetType)?.[1];
  return digits !== undefined && (column.typmod < 0 ? FULL_FRACTION : column.typmod) > Number(digits) ? 'changed its precision' : null;
}

function isWider(now: ColumnType, planned: ColumnType): boolean {
  if (now.kind === 'integer' && planned.kind === 'integer') return now.bits > planned.bits;
  if (now.kind === 'float' && planned.kind === 'float') return now.bits > planned.bits;
  if (now.kind === 'text' && planned.kind === 'text') return planned.maxLength !== null && (now.maxLength === null || now.maxLength > planned.maxLength);
  return now.kind === 'decimal' && planned.kind === 'decimal' && isWiderDecimal(now, planned);
}

type Decimal = ColumnType & { kind: 'decimal' };

function isWiderDecimal(now: Decimal, planned: Decimal): boolean {
  if (planned.precision === null || planned.scale === null) return false;
  if (now.precision === null || now.scale === null) return true;
  return now.scale > planned.scale || now.precision - now.scale > planned.precision - planned.scale;
}
