import { type ChangeEvent, type RowEvent, type TransactionInfo } from './change-event';
import { type ColumnType, type EventRow } from './column-type';
import { LogPosition } from './position';
import { tableId, type TableMapping } from './table';

/** A position for tests: small numbers in PostgreSQL's width. */
export const at = (n: number): LogPosition => LogPosition.fromBigInt(BigInt(n), 8);

/** One transaction committing at `n`; `us` is its commit time. */
export const tx = (n: number, us = 0): TransactionInfo => ({ position: at(n), committedAtUs: BigInt(us) });

/** A mapping of `public.<name>` whose first `keyTypes.length` columns are the key, followed by `values` text columns. */
export function mappingOf(name: string, keyTypes: readonly ColumnType[], values = 2): TableMapping {
  const types: readonly ColumnType[] = [...keyTypes, ...Array.from({ length: values }, (): ColumnType => ({ kind: 'text', maxLength: null, padded: false }))];
  return {
    id: tableId({ schema: 'public', name }),
    source: { schema: 'public', name },
    target: { schema: 'public', name },
    columns: types.map((type, i) => ({ source: `c${i}`, target: `c${i}`, type, targetType: 'text', nullable: true, mask: null })),
    key: keyTypes.map((_, i) => i),
    chunkRows: 1000,
  };
}

export const integerKey: ColumnType = { kind: 'integer', bits: 64 };
export const decimalKey: ColumnType = { kind: 'decimal', precision: null, scale: null };

/** Short constructors of the events of one table, for readable test tables. */
export function eventsOf(table: string) {
  return {
    insert: (n: number, ...row: EventRow): RowEvent => ({ op: 'insert', table, tx: tx(n), row }),
    update: (n: number, ...row: EventRow): RowEvent => ({ op: 'update', table, tx: tx(n), row, oldKey: null }),
    move: (n: number, oldKey: readonly string[], ...row: EventRow): RowEvent => ({ op: 'update', table, tx: tx(n), row, oldKey }),
    remove: (n: number, ...key: string[]): RowEvent => ({ op: 'delete', table, tx: tx(n), key }),
    truncate: (n: number): RowEvent => ({ op: 'truncate', table, tx: tx(n) }),
    reload: (n: number, reason: string): ChangeEvent => ({ op: 'reload', table, tx: tx(n), reason }),
    counter: (n: number, value: number): ChangeEvent => ({ op: 'counter', tx: tx(n), value: BigInt(value), gapless: true }),
  };
}
