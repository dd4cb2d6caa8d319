import type { Cell, ChangeEvent, TableMapping } from '@elstream/core';
import { event } from '../fixture';
import type { Version } from './history.fixture';

interface Live {
  readonly row: readonly Cell[];
  readonly from: number | null;
}

/** A source of rows `items`, changed at random from a seed: its events, and what its history is by then. */
export class HistoryModel {
  readonly live = new Map<string, Live>();
  readonly versions: Version[] = [];
  private clock = 100;

  constructor(
    private readonly items: TableMapping,
    private seed: number,
    rows: readonly (readonly Cell[])[],
  ) {
    for (const row of rows) this.live.set(row[0] ?? '', { row, from: null });
  }

  get now(): number {
    return this.clock;
  }

  /** Rows at a time, by key. */
  asOf(us: number): Cell[][] {
    const rows = new Map<string, readonly Cell[]>();
    for (const v of this.versions) if ((v.from ?? 0) <= us && us < (v.to ?? Infinity)) rows.set(v.row[0] ?? '', v.row);
    for (const [id, { row, from }] of this.live) if ((from ?? 0) <= us) rows.set(id, row);
    return [...rows.values()].map((r) => [...r]).sort((a, b) => Number(a[0]) - Number(b[0]));
  }

  /** The next events, about `n`. A third of them belong to the transaction before. */
  batch(n: number): ChangeEvent[] {
    const events: ChangeEvent[] = [];
    while (events.length < n) {
      if (events.length === 0 || this.random(3) > 0) this.clock += 1 + this.random(3);
      events.push(this.next());
    }
    return events;
  }

  private next(): ChangeEvent {
    const id = String(1 + this.random(12));
    const standing = this.live.get(id);
    if (this.random(60) === 0) {
      for (const key of [...this.live.keys()]) this.end(key, true);
      return event.truncate(this.items, this.clock);
    }
    if (standing === undefined) return this.insert(id);
    const choice = this.random(10);
    if (choice < 3) {
      this.end(id, true);
      return event.delete(this.items, this.clock, id);
    }
    const to = choice < 5 ? String(1 + this.random(12)) : id;
    if (to !== id && this.live.has(to)) return this.update(id, id, standing.row);
    return this.update(id, to, standing.row);
  }

  private insert(id: string): ChangeEvent {
    const row = [id, this.text(), this.text()];
    this.live.set(id, { row, from: this.clock });
    return event.insert(this.items, this.clock, row);
  }

  private update(id: string, to: string, old: readonly Cell[]): ChangeEvent {
    const unknown = this.random(2) === 0;
    const row = [to, this.text(), unknown ? (old[2] ?? null) : this.text()];
    this.end(id, to !== id);
    this.live.set(to, { row, from: this.clock });
    return event.update(this.items, this.clock, unknown ? [to, row[1], undefined] : row, to === id ? null : [id]);
  }

  private end(id: string, deleted: boolean): void {
    const standing = this.live.get(id);
    if (standing === undefined) return;
    this.live.delete(id);
    this.versions.push({ row: standing.row, from: standing.from, to: this.clock, deleted, approximate: false });
  }

  private text(): string | null {
    return ['', 'ü\t\\', null, String(this.random(1_000_000))][this.random(4)] ?? null;
  }

  /** Mulberry32: whole numbers below `n`. */
  private random(n: number): number {
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }
}

/** Versions as texts, sorted: a multiset to be compared. */
export function asTexts(versions: readonly Version[]): string[] {
  return versions.map((v) => JSON.stringify([v.row, v.from, v.to, v.deleted, v.approximate])).sort();
}
