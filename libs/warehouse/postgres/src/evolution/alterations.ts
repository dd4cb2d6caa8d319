import { quoteName } from '@elstream/database';
import type { StandingColumn, WantedColumn } from './relation';

/** What ALTER TABLE has to do, and which standing columns it gives another type. */
export interface Alterations {
  /** Parts of one ALTER TABLE; empty: nothing is to be done. */
  readonly actions: readonly string[];
  readonly added: readonly string[];
  readonly retyped: readonly StandingColumn[];
}

export interface AlterationRules {
  /** Whether a column of another type is given ours. */
  readonly retype: (standing: StandingColumn, wanted: WantedColumn) => boolean;
  /**
   * What becomes of values. `kept`: cast as the server does by itself. `by-text`: cast through their text. `none`: the
   * table is empty: no cast is needed, and columns get and lose NOT NULL.
   */
  readonly values: 'kept' | 'by-text' | 'none';
  /** Columns we do not know that demand a value are made nullable: the source has them no more. */
  readonly release: boolean;
}

/** Compares what stands with what is wanted; pure. */
export function planAlterations(standing: readonly StandingColumn[], wanted: readonly WantedColumn[], rules: AlterationRules): Alterations {
  const byName = new Map(standing.map((c) => [c.name, c]));
  const names = new Set(wanted.map((c) => c.name));
  const empty = rules.values === 'none';
  const actions: string[] = [];
  const added: string[] = [];
  const retyped: StandingColumn[] = [];
  for (const column of wanted) {
    const have = byName.get(column.name);
    const name = quoteName(column.name);
    if (have === undefined) {
      added.push(column.name);
      actions.push(`ADD COLUMN ${column.definition}${empty && column.isKey ? ' NOT NULL' : ''}`);
      continue;
    }
    const collation = collationOf(have, column);
    if ((have.type !== column.type || collation !== have.collation) && rules.retype(have, column)) {
      retyped.push(have);
      // without COLLATE the column would fall back to its type's collation
      actions.push(`ALTER COLUMN ${name} TYPE ${column.type}${collation === null ? '' : ` COLLATE ${collation}`}${casting(rules.values, column)}`);
    }
    if (empty && have.notNull !== column.isKey) actions.push(`ALTER COLUMN ${name} ${column.isKey ? 'SET' : 'DROP'} NOT NULL`);
  }
  for (const column of standing) {
    if (rules.release && !names.has(column.name) && column.notNull && !column.filled) actions.push(`ALTER COLUMN ${quoteName(column.name)} DROP NOT NULL`);
  }
  return { actions, added, retyped };
}

function casting(values: AlterationRules['values'], column: WantedColumn): string {
  switch (values) {
    case 'kept':
      return '';
    case 'by-text':
      return ` USING ${quoteName(column.name)}::text::${column.type}`;
    case 'none':
      return ` USING NULL::${column.type}`;
    default:
      return values satisfies never;
  }
}

/** Keys compare bytewise (R6); elsewhere a collation that somebody chose stays. */
function collationOf(have: StandingColumn, wanted: WantedColumn): string | null {
  if (!wanted.collatable) return null;
  return wanted.collation ?? have.collation;
}

const INTEGERS: readonly string[] = ['smallint', 'integer', 'bigint'];

/**
 * False where the standing type holds all of the wanted one and more: a process that still has an earlier mapping must
 * not narrow what another has widened. By the server's own spelling of the types that `compareMappings` calls wider.
 */
export function isWidening(standing: string, wanted: string): boolean {
  if (INTEGERS.includes(standing) && INTEGERS.includes(wanted)) return INTEGERS.indexOf(wanted) > INTEGERS.indexOf(standing);
  const [a, b] = [typeParts(standing), typeParts(wanted)];
  if (a === null || b === null || a.base !== b.base) return standing !== 'text';
  if (a.modifiers.length === 0) return false;
  if (b.modifiers.length === 0) return true;
  const [p = 0, s = 0] = a.modifiers;
  const [q = 0, t = 0] = b.modifiers;
  return a.base === 'numeric ' ? t >= s && q - t >= p - s : q >= p;
}

/** `timestamp(3) without time zone` → base `timestamp without time zone`, modifiers [3]. */
function typeParts(type: string): { base: string; modifiers: number[] } | null {
  const parts = /^([a-z ]+?)\s*(?:\(([\d,]+)\))?( with(?:out)? time zone)?$/.exec(type);
  if (parts === null) return null;
  return { base: `${parts[1] ?? ''}${parts[3] ?? ' '}`, modifiers: (parts[2] ?? '').split(',').filter((m) => m !== '').map(Number) };
}
