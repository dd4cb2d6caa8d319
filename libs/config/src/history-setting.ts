import { z } from 'zod';
import { text, unset } from './setting';
import { exactTableId } from './table-pattern';

const WORDS = ['none', 'derived', 'copied'] as const;
const WANTED = "must be 'none', 'derived' or 'copied', or a group of kind (derived or copied), table, target and period";

/** Period columns of a copied history that names none, as system-versioned tables are used to call them. */
export const DEFAULT_PERIOD = ['valid_from', 'valid_to'] as const;

/**
 * Superseded row versions of a table: a word, or a group for names other than the usual ones.
 *
 * @param identifier a name the warehouse takes, with its help
 */
export function historySetting(identifier: (help: string) => z.ZodType<string, string>) {
  const group = z.strictObject({
    kind: z.enum(['derived', 'copied'], { error: "must be 'derived' or 'copied'" }).meta({ description: 'derived: from every change event. copied: from the history table that the source keeps.' }),
    table: unset(text('', 'a table as schema.table', (name) => exactTableId(name) !== null), "The source's history table. Copied only; exact names only.", 'NAME_archive beside the table'),
    target: z
      .strictObject({ schema: unset(identifier(''), 'Schema in the warehouse.', "the table's"), name: unset(identifier(''), 'History table in the warehouse. Exact names only.', 'TARGET_archive') })
      .prefault({})
      .meta({ description: 'Where superseded versions go.' }),
    period: unset(
      z.tuple([identifier('First moment of the version.'), identifier('First moment after it.')], { error: 'must be two columns: [from, to]' }),
      'Source columns that hold the period of each version.',
      'copied: [valid_from, valid_to]; derived: commit times',
    ),
  });
  return z
    .union([z.enum(WORDS), group], { error: WANTED })
    .transform((given) => (typeof given === 'string' ? (given === 'none' ? ({ kind: 'none' } as const) : { kind: given, target: {} }) : given))
    .optional()
    .meta({
      description:
        'Superseded row versions, kept in TARGET_archive: none; derived (every version, from the change events); copied (from the history table that the source keeps, NAME_archive); or a group { kind, table, target: { schema, name }, period: [from, to] } where names differ.',
      'x-default': 'none',
      'x-unit': '`none`, `derived`, `copied`, group',
    });
}
