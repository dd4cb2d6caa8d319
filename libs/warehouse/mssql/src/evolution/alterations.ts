import { bracket, knownMssqlType, type MssqlType } from '@elstream/database';
import type { StandingColumn, WantedColumn } from '../catalog';

/** What has to be done to a table's columns, and which standing columns it gives another type. */
export interface Alterations {
  /** Each the end of an ALTER TABLE statement, in their order; empty: nothing is to be done. */
  readonly actions: readonly string[];
  readonly added: readonly string[];
  readonly retyped: readonly StandingColumn[];
}

export interface AlterationRules {
  /** Whether a column of another type is given ours. */
  readonly retype: (standing: StandingColumn, wanted: WantedColumn) => boolean;
  /** What becomes of values. `kept`: converted as the server does by itself. `none`: the table is empty; columns get and lose NOT NULL. */
  readonly values: 'kept' | 'none';
  /** Columns we do not know that demand a value are made nullable: the source has them no more. */
  readonly release: boolean;
}

/** Compares what stands with what is wanted; pure. */
export function planAlterations(standing: readonly StandingColumn[], wanted: readonly WantedColumn[], rules: AlterationRules): Alterations {
  const byName = new Map(standing.map((c) => [c.name, c]));
  const names = new Set(wanted.map((c) => c.name));
  const actions: string[] = [];
  const added: string[] = [];
  const retyped: StandingColumn[] = [];
  for (const column of wanted) {
    const have = byName.get(column.name);
    if (have === undefined) {
      added.push(column.name);
      actions.push(`ADD ${declared(column.quoted, column, nullAs(rules.values === 'none' && column.isKey))}`);
      continue;
    }
    const collation = collationOf(have, column);
    const differs = have.type !== column.type || collation !== have.collation;
    const notNull = rules.values === 'none' ? column.isKey : !have.nullable;
    if (differs && rules.retype(have, column)) {
      retyped.push(have);
      actions.push(...retyping(have, { ...column, collation }, { notNull, empty: rules.values === 'none' }));
    } else if (notNull === have.nullable) {
      actions.push(`ALTER COLUMN ${declared(column.quoted, have, nullAs(notNull))}`);
    }
  }
  for (const column of standing) {
    if (rules.release && !names.has(column.name) && !OWN.test(column.name) && !column.nullable && !column.filled) actions.push(`ALTER COLUMN ${declared(bracket(column.name), column, 'NULL')}`);
  }
  return { actions, added, retyped };
}

/** Columns of elstream's own. */
const OWN = /^__elstream_/;

const nullAs = (notNull: boolean): 'NULL' | 'NOT NULL' => (notNull ? 'NOT NULL' : 'NULL');

/** Without NULL or NOT NULL the column would become what the session's settings say, without COLLATE it would get the database's. */
function declared(quoted: string, { type, collation }: { readonly type: string; readonly collation: string | null }, nullability: 'NULL' | 'NOT NULL'): string {
  return `${quoted} ${type}${collation === null || knownMssqlType(type)?.of !== 'text' ? '' : ` COLLATE ${collation}`} ${nullability}`;
}

/**
 * In place, so that grants and indexes on the column survive; where no implicit conversion leads from one type to the other,
 * by way of a text, or, in an empty table, as another column.
 */
function retyping(have: StandingColumn, wanted: WantedColumn, of: { readonly notNull: boolean; readonly empty: boolean }): string[] {
  const change = `ALTER COLUMN ${declared(wanted.quoted, wanted, nullAs(of.notNull))}`;
  if (!of.empty) return [change];
  switch (wayTo(knownMssqlType(have.type), knownMssqlType(wanted.type))) {
    case 'direct':
      return [change];
    case 'by-text':
      return [`ALTER COLUMN ${wanted.quoted} nvarchar(4000) ${nullAs(!have.nullable)}`, change];
    case 'anew':
      return [`DROP COLUMN ${wanted.quoted}`, `ADD ${declared(wanted.quoted, wanted, nullAs(of.notNull))}`];
  }
}

type Family = 'number' | 'text' | 'time' | 'uuid' | 'other';

function familyOf(type: MssqlType | null): Family {
  switch (type?.of) {
    case 'bit':
    case 'integer':
    case 'decimal':
    case 'money':
    case 'float':
      return 'number';
    case 'text':
      // text and ntext cannot be altered
      return type.name === 'text' || type.name === 'ntext' ? 'other' : 'text';
    case 'date':
    case 'time':
    case 'datetime':
    case 'smalldatetime':
    case 'datetime2':
    case 'datetimeoffset':
      return 'time';
    case 'uuid':
      return 'uuid';
    default:
      return 'other';
  }
}

/** By the table «Implicit conversions» of CAST and CONVERT. */
function wayTo(from: MssqlType | null, to: MssqlType | null): 'direct' | 'by-text' | 'anew' {
  const [a, b] = [familyOf(from), familyOf(to)];
  if (from?.of === 'binary' && to?.of === 'binary' && from.name !== 'image' && to.name !== 'image') return 'direct';
  if (a === 'other' || b === 'other') return 'anew';
  if (a === 'text' || b === 'text') return 'direct';
  if (a === 'number' && b === 'number') return 'direct';
  return from?.of === to?.of ? 'direct' : 'by-text';
}

/** Keys compare bytewise (R6), and a collation may be part of the type; elsewhere one that somebody chose stays. */
function collationOf(have: StandingColumn, wanted: WantedColumn): string | null {
  if (knownMssqlType(wanted.type)?.of !== 'text') return null;
  return wanted.collation ?? have.collation;
}

/**
 * False where the standing type holds all of the wanted one and more: a process that still has an earlier mapping must
 * not narrow what another has widened.
 */
export function isWidening(standing: string, wanted: string): boolean {
  const [a, b] = [knownMssqlType(standing), knownMssqlType(wanted)];
  if (a === null || b === null) return true;
  if (a.of === 'integer' && b.of === 'integer') return b.max > a.max;
  if (a.of === 'decimal' && b.of === 'decimal') return b.scale >= a.scale && b.precision - b.scale >= a.precision - a.scale && a.name !== b.name;
  if (a.of === 'text' && b.of === 'text') return longer(a.length, b.length) || (!a.unicode && b.unicode);
  if (a.of === 'binary' && b.of === 'binary') return longer(a.length, b.length);
  if (a.of === 'float' && b.of === 'float') return b.bits > a.bits;
  // a text of any length holds whatever else
  return finer(a, b) ?? !(a.of === 'text' && a.length === null);
}

/** Of times of one kind; null: they are none. */
function finer(a: MssqlType, b: MssqlType): boolean | null {
  return a.of === b.of && 'scale' in a && 'scale' in b ? b.scale > a.scale : null;
}

function longer(a: number | null, b: number | null): boolean {
  return a !== null && (b === null || b > a);
}
