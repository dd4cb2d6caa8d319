import { type HistoryMapping, type KeyRange, type TableMapping } from '@elstream/core';

/** Which versions of a history table are read. */
export type HistoryRows = { readonly keys: readonly (readonly string[])[] } | { readonly range: KeyRange };

export interface CopiedHistory extends HistoryMapping {
  readonly period: { readonly from: number; readonly to: number };
}

/** @throws RangeError for a mapping without copied history, or without the period columns it is read by */
export function copiedHistory(mapping: TableMapping): CopiedHistory {
  const { history } = mapping;
  if (history?.kind !== 'copied' || history.source === null) throw new RangeError(`table ${mapping.id} has no history table to copy`);
  const { period } = history;
  if (period === null || mapping.columns[period.from] === undefined || mapping.columns[period.to] === undefined) throw new RangeError(`the history of ${mapping.id} has no period columns`);
  return { ...history, period };
}
