import { LogPosition, type Cell, type ChangeEvent, type TableMapping } from '@elstream/core';

/** `id`, `v` always carried, `y` sometimes unknown (as an unchanged TOAST value is). */
export type SimRow = readonly [id: string, v: string, y: string];

export type SimOp =
  | { readonly op: 'put' | 'touch' | 'delete'; readonly key: number }
  | { readonly op: 'move' | 'move-touch'; readonly key: number; readonly to: number }
  | { readonly op: 'truncate' };

interface SimTransaction {
  readonly keys: ReadonlySet<string>;
  readonly effects: readonly (readonly [string, SimRow | null])[];
}

/**
 * A plain model of a source and its capture: committed rows, rows visible to reads (a committed transaction may become
 * visible later than it appears in the log, R4), and one partition to which capture appends events — some of them
 * twice, after a restart (R3).
 */
export class SimSource {
  readonly committed = new Map<string, SimRow>();
  readonly visible = new Map<string, SimRow>();
  readonly hidden = new Map<number, SimTransaction>();
  readonly partition: ChangeEvent[] = [];
  private readonly log: ChangeEvent[] = [];
  private captured = 0;
  private floor = 0;
  private transactions = 0;
  private values = 0;

  constructor(
    private readonly mapping: TableMapping,
    rows: readonly number[],
  ) {
    for (const key of rows) {
      const row: SimRow = [String(key), 'initial', `y${key}`];
      this.committed.set(row[0], row);
      this.visible.set(row[0], row);
    }
  }

  /** Commits what is possible of the operations; nothing possible: no transaction. */
  commit(ops: readonly SimOp[], hidden: boolean): void {
    const blocked = new Set([...this.hidden.values()].flatMap((t) => [...t.keys]));
    const number = this.transactions + 1;
    const tx = { position: LogPosition.fromBigInt(BigInt(number * 10), 8), committedAtUs: BigInt(number) };
    const events: ChangeEvent[] = [];
    const effects: [string, SimRow | null][] = [];
    for (const op of ops) this.perform(op, blocked, (event) => events.push({ ...event, table: this.mapping.id, tx } as ChangeEvent), effects);
    if (events.length === 0) return;
    this.transactions = number;
    this.log.push(...events);
    this.hidden.set(number, { keys: new Set(effects.map(([key]) => key)), effects });
    if (!hidden) this.reveal(number);
  }

  private perform(op: SimOp, blocked: ReadonlySet<string>, emit: (event: object) => void, effects: [string, SimRow | null][]): void {
    const set = (row: SimRow): void => {
      this.committed.set(row[0], row);
      effects.push([row[0], row]);
    };
    const drop = (key: string): void => {
      this.committed.delete(key);
      effects.push([key, null]);
    };
    if (op.op === 'truncate') {
      if (blocked.size > 0) return;
      emit({ op: 'truncate' });
      for (const key of [...this.committed.keys()]) drop(key);
      return;
    }
    const key = String(op.key);
    const standing = this.committed.get(key);
    if (blocked.has(key)) return;
    this.values += 1;
    const v = `v${this.values}`;
    switch (op.op) {
      case 'put': {
        const row: SimRow = [key, v, `y${this.values}`];
        emit(standing === undefined ? { op: 'insert', row } : { op: 'update', row, oldKey: null });
        set(row);
        return;
      }
      case 'touch':
        if (standing === undefined) return;
        emit({ op: 'update', row: [key, v, undefined], oldKey: null });
        set([key, v, standing[2]]);
        return;
      case 'delete':
        if (standing === undefined) return;
        emit({ op: 'delete', key: [key] });
        drop(key);
        return;
      case 'move':
      case 'move-touch': {
        const to = String(op.to);
        if (standing === undefined || this.committed.has(to) || blocked.has(to)) return;
        const y = op.op === 'move' ? `y${this.values}` : standing[2];
        emit({ op: 'update', row: [to, v, op.op === 'move' ? y : undefined], oldKey: [key] });
        drop(key);
        set([to, v, y]);
        return;
      }
    }
    op satisfies never;
  }

  reveal(number: number | undefined): void {
    const transaction = number === undefined ? undefined : this.hidden.get(number);
    if (number === undefined || transaction === undefined) return;
    this.hidden.delete(number);
    for (const [key, row] of transaction.effects) {
      if (row === null) this.visible.delete(key);
      else this.visible.set(key, row);
    }
  }

  /** Capture appends the next `count` events of the log to the partition. */
  emit(count: number): void {
    for (let i = 0; i < count && this.captured < this.log.length; i += 1) {
      const event = this.log[this.captured];
      if (event !== undefined) this.partition.push(event);
      this.captured += 1;
    }
  }

  /** Capture restarts from its committed offset, up to `back` events earlier: those are sent again. */
  restartCapture(back: number): void {
    this.captured = Math.max(this.floor, this.captured - back);
    this.floor = this.captured;
  }

  get drained(): boolean {
    return this.captured === this.log.length;
  }

  /** Nothing that commits later lies at or below it. */
  get endOfLog(): LogPosition {
    return LogPosition.fromBigInt(BigInt(this.transactions * 10 + 5), 8);
  }

  /** Whether a reader at `offset` of the partition has had every event up to `position`. */
  hasPassed(offset: number, position: LogPosition): boolean {
    const ahead = [...this.partition.slice(offset), ...this.log.slice(this.captured)];
    return !ahead.some(({ tx }) => tx.position.compare(position) <= 0);
  }

  read(from: number, to: number): Cell[][] {
    return [...this.visible.values()].filter((row) => Number(row[0]) >= from && Number(row[0]) < to).map((row) => [...row]);
  }

  readByKeys(keys: readonly (readonly string[])[]): Cell[][] {
    return keys.flatMap(([key]) => {
      const row = this.visible.get(key ?? '');
      return row === undefined ? [] : [[...row]];
    });
  }
}
