import { isDeepStrictEqual } from 'node:util';
import type { MappedColumn, TableMapping } from './table';

/** What changed between two mappings of one table; names of source columns. */
export interface SchemaChange {
  /** Columns the warehouse does not have yet; rows that stand have to be loaded again for them. */
  readonly added: readonly string[];
  /** Gone at the source: the warehouse column stays, nullable. */
  readonly dropped: readonly string[];
  /** The new type holds every value of the old one, and spells it alike. */
  readonly widened: readonly string[];
  /** Why only an emptied table and a preload can answer it, as sentences; empty: it can be followed while the table stays live. */
  readonly obstacles: readonly string[];
  /** What the pipeline file wants otherwise than before, as sentences: the next run takes it over, nothing else does. */
  readonly configured: readonly string[];
}

/** True if the source's schema is as it was; what the pipeline file changed does not count. */
export function isUnchanged(change: SchemaChange): boolean {
  return change.added.length + change.dropped.length + change.widened.length + change.obstacles.length === 0;
}

/**
 * Tells what has changed, pure. A nullable change is none: warehouse columns are nullable but for the key.
 */
export function compareMappings(before: TableMapping, now: TableMapping): SchemaChange {
  const old = new Map(before.columns.map((c) => [c.source, c]));
  const names = new Set(now.columns.map((c) => c.source));
  const obstacles: string[] = [];
  const configured: string[] = [];
  const widened: string[] = [];
  for (const column of now.columns) {
    const then = old.get(column.source);
    if (then === undefined) continue;
    const settings = settingsDiffer(then, column);
    if (settings !== null) configured.push(`column ${column.source} of ${now.id} ${settings}`);
    else if (then.targetType !== column.targetType || !isDeepStrictEqual(then.type, column.type)) {
      if (isWider(then, column)) widened.push(column.source);
      else obstacles.push(`column ${column.source} of ${now.id} was ${then.targetType} and is ${column.targetType}`);
    }
  }
  const keyOf = (m: TableMapping): string => m.key.map((i) => m.columns[i]?.source ?? '').join(', ');
  if (keyOf(before) !== keyOf(now)) obstacles.push(`the key of ${now.id} was (${keyOf(before)}) and is (${keyOf(now)})`);
  const added = now.columns.filter((c) => !old.has(c.source));
  const dropped = before.columns.filter((c) => !names.has(c.source));
  for (const gone of dropped) {
    const again = added.find((c) => c.target === gone.target);
    if (again !== undefined) obstacles.push(`column ${again.source} of ${now.id} would take the warehouse column of ${gone.source}, which is gone`);
  }
  if (!isDeepStrictEqual(before.target, now.target)) configured.push(`the warehouse table of ${now.id} has another name`);
  if (!isDeepStrictEqual(before.history?.target, now.history?.target) || before.history?.kind !== now.history?.kind) configured.push(`the history of ${now.id} is kept in another way`);
  return { added: added.map((c) => c.source), dropped: dropped.map((c) => c.source), widened, obstacles, configured };
}

/** What the pipeline file wants otherwise, in words; null: nothing. */
function settingsDiffer(then: MappedColumn, now: MappedColumn): string | null {
  if (then.target !== now.target) return `is called ${now.target} in the warehouse and was ${then.target}`;
  if (maskOf(then) !== maskOf(now)) return 'is masked otherwise';
  const ofSource = hasModifier(then.type.kind) || (then.native !== undefined && then.native !== now.native);
  if (then.targetType !== now.targetType && isDeepStrictEqual(then.type, now.type) && then.type.kind !== 'other' && !ofSource) return `is ${now.targetType} in the warehouse and was ${then.targetType}`;
  return null;
}

/** Kinds whose native type has a modifier that the neutral type does not say. */
function hasModifier(kind: MappedColumn['type']['kind']): boolean {
  return kind === 'time' || kind === 'timestamp';
}

/** Without its secret, which stored mappings lack. */
function maskOf(column: MappedColumn): string | null {
  return column.mask?.kind ?? null;
}

function isWider(then: MappedColumn, now: MappedColumn): boolean {
  const [a, b] = [then.type, now.type];
  if (a.kind === 'integer' && b.kind === 'integer') return b.bits >= a.bits && !isSmaller(then, now);
  if (a.kind === 'float' && b.kind === 'float') return b.bits === a.bits;
  if (a.kind === 'text' && b.kind === 'text') return a.padded === b.padded && !b.padded && (b.maxLength === null || (a.maxLength !== null && b.maxLength >= a.maxLength));
  if (a.kind === 'decimal' && b.kind === 'decimal') return digitsGrow(a, b) && !isSmaller(then, now);
  if (a.kind === 'binary' && b.kind === 'binary') return bytesGrow(then.targetType, now.targetType);
  return fractionGrows(then.targetType, now.targetType);
}

type Decimal = Extract<MappedColumn['type'], { kind: 'decimal' }>;

function digitsGrow(a: Decimal, b: Decimal): boolean {
  if (b.precision === null || b.scale === null) return b.precision === null && b.scale === null;
  if (a.precision === null || a.scale === null) return false;
  return b.scale >= a.scale && b.precision - b.scale >= a.precision - a.scale;
}

/** Types of SQL Server that hold less than others of the same kind, bits and digits. */
function isSmaller(then: MappedColumn, now: MappedColumn): boolean {
  return then.targetType !== now.targetType && /^(?:tinyint|(?:small)?money)$/i.test(now.targetType);
}

/** `varbinary(20)` → `varbinary(50)` or `varbinary(max)`. */
function bytesGrow(then: string, now: string): boolean {
  const [a, b] = [then, now].map((type) => /^varbinary\((\d+|max)\)$/i.exec(type)?.[1]?.toLowerCase());
  return a !== undefined && b !== undefined && a !== 'max' && (b === 'max' || Number(b) >= Number(a));
}

/** `timestamp(3)` → `timestamp(6)` or `timestamp`: all else equal. */
function fractionGrows(then: string, now: string): boolean {
  const parts = /^(.*?)(?:\((\d+)\))?((?: with(?:out)? time zone)?)$/;
  const [a, b] = [parts.exec(then), parts.exec(now)];
  if (a === null || b === null || a[1] !== b[1] || a[3] !== b[3]) return false;
  if (!/^(?:pg_catalog\.)?(?:time|timetz|timestamp|timestamptz|varbit|datetime2|datetimeoffset)\b/.test(a[1] ?? '')) return false;
  return b[2] === undefined || (a[2] !== undefined && Number(b[2]) >= Number(a[2]));
}
