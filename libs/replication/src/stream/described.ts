import { matchesTable } from '@elstream/config';
import { ElstreamError, type TableName } from '@elstream/core';
import type { SourceDatabase, SourceTable, TableSelection } from '@elstream/source';

/**
 * Like `describe`, but names of the selection that the source does not have (any more) are left out: a table that is gone
 * hides no other.
 * @param mayBeGone entries for which that holds; the others are refused as by `describe`
 */
export async function describeExisting(source: SourceDatabase, selection: TableSelection, mayBeGone: (entry: string) => boolean = () => true): Promise<readonly SourceTable[]> {
  for (let include = selection.include; include.length > 0; ) {
    try {
      return await source.describe({ ...selection, include });
    } catch (error) {
      const gone = error instanceof ElstreamError && error.code === 'TABLE_NOT_FOUND' ? error.place.table : undefined;
      if (gone === undefined || !include.includes(gone) || !mayBeGone(gone)) throw error;
      include = include.filter((entry) => entry !== gone);
    }
  }
  return [];
}

/** True if the configuration wants the table, whether or not the source has it. */
export function isSelected(selection: TableSelection, table: TableName): boolean {
  const among = (entries: readonly string[]): boolean => entries.some((entry) => matchesTable(entry, table));
  return among(selection.include) && !among(selection.exclude);
}
