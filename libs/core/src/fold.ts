import type { ChangeEvent, PoisonEvent, RowEvent, UpdateEvent } from './change-event';
import type { EventCell } from './column-type';
import { ruleHolds } from './failpoint';
import { LogPosition } from './position';
import { keyIdentity, keyOfRow, type TableMapping } from './table';
import { RunningHighest } from './version';

/** What a batch comes to for one key. */
export type FoldedRow =
  | { readonly op: 'delete'; readonly key: readonly string[]; readonly position: LogPosition }
  | {
      readonly op: 'upsert';
      readonly key: readonly string[];
      readonly position: LogPosition;
      /** One per mapped column; `undefined` where no event of the batch carried it. */
      readonly cells: readonly EventCell[];
      /**
       * The key whose standing row supplies the unknown cells: the row moved (R6). Null: the row that stands at `key`.
       * It may be `key` itself after a move and back; its cells are read before the deletes all the same, because a
       * delete of the batch may name the same row in another spelling.
       */
      readonly carryFrom: readonly string[] | null;
      /** An insert of the batch stands behind it: unknown cells are not those of a row that stands at `key`, but are read again (R6). */
      readonly fresh: boolean;
    };

/** A batch, folded for one table. Apply in this order: truncate, read carried cells, deletes, upserts. */
export interface FoldedTable {
  readonly table: string;
  /** Position of the last truncate in the batch; what came before it in the batch is gone from `rows`. */
  readonly truncate: LogPosition | null;
  readonly rows: readonly FoldedRow[];
  /** Events that went in, re-emissions not counted. */
  readonly events: number;
  /** Those events in their order, for history; empty where the mapping keeps none. */
  readonly changes: readonly RowEvent[];
}

/** A batch, folded. `highest` is the partition's new highest position. */
export interface FoldedBatch {
  readonly tables: readonly FoldedTable[];
  readonly highest: LogPosition | null;
  /** Row and truncate events that went in, re-emissions and passed-over tables not counted. */
  readonly events: number;
  readonly skipped: number;
  /** The last counter value seen, if any. */
  readonly counter: bigint | null;
  /** Events of mapped tables that could not be decoded, in order. */
  readonly poison: readonly PoisonEvent[];
  /** Table id → why it is to be preloaded again (`ReloadEvent`). */
  readonly reloads: ReadonlyMap<string, string>;
}

/**
 * Folds a batch (R6): per key each column's last known value since the last insert or delete. Re-emissions are
 * recognised against a *running* highest, raised event by event before folding (R3). Tables without a mapping are
 * counted and passed over.
 *
 * @param highest the partition's highest position before the batch, null after a reset
 */
export function foldBatch(events: Iterable<ChangeEvent>, mappings: ReadonlyMap<string, TableMapping>, highest: LogPosition | null): FoldedBatch {
  const folds = new Map<string, TableFold>();
  const running = new RunningHighest(highest);
  let folded = 0;
  let skipped = 0;
  let counter: bigint | null = null;
  const poison: PoisonEvent[] = [];
  const reloads = new Map<string, string>();
  for (const event of events) {
    // What could not be decoded may tell no position: taken for a re-emission it would be lost without a trace (R7).
    const placeless = event.op === 'poison' && event.tx.position.equals(LogPosition.ZERO);
    if (!placeless && !running.accepts(event.tx.position)) {
      skipped += 1;
      continue;
    }
    if (event.op === 'counter') {
      counter = event.value;
      continue;
    }
    const mapping = mappings.get(event.table);
    if (mapping === undefined) {
      skipped += 1;
      continue;
    }
    if (event.op === 'reload') {
      reloads.set(event.table, event.reason);
      continue;
    }
    if (event.op === 'poison') {
      poison.push(event);
      continue;
    }
    let fold = folds.get(event.table);
    if (fold === undefined) folds.set(event.table, (fold = new TableFold(mapping)));
    fold.add(event);
    folded += 1;
  }
  return { tables: [...folds.values()].map((f) => f.result()), highest: running.position, events: folded, skipped, counter, poison, reloads };
}

class TableFold {
  private readonly rows = new Map<string, FoldedRow>();
  private truncate: LogPosition | null = null;
  private events = 0;
  private readonly changes: RowEvent[] = [];

  constructor(private readonly mapping: TableMapping) {}

  add(event: RowEvent): void {
    this.events += 1;
    if (this.mapping.history !== undefined) this.changes.push(event);
    const { position } = event.tx;
    switch (event.op) {
      case 'insert': {
        const key = keyOfRow(this.mapping, event.row);
        this.set({ op: 'upsert', key, position, cells: event.row, carryFrom: null, fresh: true });
        return;
      }
      case 'update':
        this.update(event);
        return;
      case 'delete':
        this.set({ op: 'delete', key: event.key, position });
        return;
      case 'truncate':
        this.rows.clear();
        this.truncate = position;
        return;
    }
    event satisfies never;
  }

  private update(event: UpdateEvent): void {
    const { position } = event.tx;
    const key = keyOfRow(this.mapping, event.row);
    const fromKey = event.oldKey ?? key;
    const moved = keyIdentity(this.mapping, fromKey) !== keyIdentity(this.mapping, key);
    const before = this.rows.get(keyIdentity(this.mapping, fromKey));
    const known = before?.op === 'upsert' && ruleHolds('R6-fold') ? before : null;
    const cells = known === null ? event.row : event.row.map((cell, i) => (cell === undefined ? known.cells[i] : cell));
    // The row that stood before the batch supplies what is still unknown: under the key it had then.
    const fresh = known?.fresh ?? false;
    const carryFrom = fresh ? null : (known?.carryFrom ?? (moved ? fromKey : null));
    if (moved) this.set({ op: 'delete', key: fromKey, position });
    this.set({ op: 'upsert', key, position, cells, carryFrom: cells.includes(undefined) ? carryFrom : null, fresh });
  }

  private set(row: FoldedRow): void {
    this.rows.set(keyIdentity(this.mapping, row.key), row);
  }

  result(): FoldedTable {
    return { table: this.mapping.id, truncate: this.truncate, rows: [...this.rows.values()], events: this.events, changes: this.changes };
  }
}
