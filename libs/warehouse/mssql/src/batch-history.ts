import type { FoldedTable } from '@elstream/core';
import type { MssqlParams, TSqlSession } from '@elstream/database';
import type { RereadRows } from '@elstream/warehouse';
import type { TableStanding } from './control-state';
import type { Target } from './target';

/** One table of a batch, whose history is to be prepared before BEGIN. */
export interface HistoryRequest {
  /** The table's number in the batch: at the end of parameters, of temporary tables (`#…0`) and of the state's variables (`@epoch0`). */
  readonly n: number;
  readonly pipeline: string;
  readonly target: Target;
  readonly fold: FoldedTable;
  readonly reread: RereadRows | undefined;
  /** As it stood before the transaction, in which its `token` is compared; null: the table has no state. */
  readonly state: TableStanding | null;
}

/**
 * What history adds to a batch of one table. Derived history is decided (core `deriveHistory`) from rows read before
 * BEGIN: the transaction asks whether they still stand, and if they do not, all is read and decided again.
 */
export interface BatchHistory {
  /** T-SQL predicate, true if all that was read of rows, markers and known changes still stands; null: nothing was read. */
  readonly stands: string | null;
  /** Before any row of the table is written: ended versions, history due. Empty: nothing. */
  readonly before: string;
  /** After the table's rows are written: begins that differ from those staged. Empty: nothing. */
  readonly after: string;
  /** As `DerivedHistory` says it. */
  readonly mixed: boolean;
  /** Of the three; their names end in `n`. */
  readonly params: MssqlParams;
}

export type PrepareHistory = (session: TSqlSession, request: HistoryRequest) => Promise<BatchHistory>;

export const NO_HISTORY: BatchHistory = { stands: null, before: '', after: '', mixed: false, params: {} };
