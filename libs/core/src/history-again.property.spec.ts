import fc from 'fast-check';
import { type RowEvent } from './change-event';
import { type Row } from './column-type';
import { at, eventsOf, integerKey, mappingOf } from './core.fixture';
import { changeIdentity, deriveHistory, touchedKeys, type EndedVersion, type StandingImage } from './history';
import { keyIdentity, keyOfRow, type TableMapping } from './table';

/**
 * Differential test (R13): a consistent history of a small table is written once, and once with capture going back now and
 * then and emitting again all that follows, cut into batches anywhere. Rows, begins and versions must be the same.
 */
const mapping: TableMapping = { ...mappingOf('t', [integerKey]), history: { kind: 'derived', target: { schema: 'public', name: 't_archive' }, source: null, period: null } };
const e = eventsOf(mapping.id);

interface Step {
  readonly op: 'insert' | 'update' | 'move' | 'delete' | 'truncate';
  readonly key: number;
  readonly to: number;
  readonly newTransaction: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  op: fc.oneof(
    { weight: 5, arbitrary: fc.constant('insert' as const) },
    { weight: 6, arbitrary: fc.constant('update' as const) },
    { weight: 3, arbitrary: fc.constant('move' as const) },
    { weight: 4, arbitrary: fc.constant('delete' as const) },
    { weight: 1, arbitrary: fc.constant('truncate' as const) },
  ),
  key: fc.nat(3),
  to: fc.nat(3),
  newTransaction: fc.boolean(),
});

/** Events a database could emit, at commit time = position = number of the transaction. */
function play(steps: readonly Step[]): RowEvent[] {
  const keys = new Set<number>([0]);
  const events: RowEvent[] = [];
  let transaction = 1;
  const add = (event: RowEvent): void => {
    const change = events.length.toString(16).padStart(4, '0');
    events.push({ ...event, change, tx: { position: at(transaction), committedAtUs: BigInt(transaction) } });
  };
  steps.forEach((s, n) => {
    if (s.newTransaction || s.op === 'truncate') transaction += 1;
    const [key, to] = [String(s.key), String(s.to)];
    if (s.op === 'truncate') {
      add(e.truncate(0));
      keys.clear();
      transaction += 1;
    } else if (s.op === 'insert') {
      if (!keys.has(s.key)) add(e.insert(0, key, `v${String(n)}`, 'x'));
      keys.add(s.key);
    } else if (keys.has(s.key)) {
      if (s.op === 'update') add(e.update(0, key, `v${String(n)}`, 'x'));
      if (s.op === 'delete') add(e.remove(0, key));
      if (s.op === 'delete') keys.delete(s.key);
      if (s.op === 'move' && !keys.has(s.to)) {
        add(e.move(0, [key], to, `v${String(n)}`, 'x'));
        keys.delete(s.key);
        keys.add(s.to);
      }
    }
  });
  return events;
}

/** As a warehouse does it, in memory. */
class Table {
  private readonly rows = new Map<string, StandingImage & { cells: Row }>([[keyIdentity(mapping, ['0']), { standing: { is: 'row', version: { epoch: 1, kind: 'preload', position: at(0) } }, cells: ['0', 'loaded', 'x'], beginUs: null }]]);
  private readonly versions: EndedVersion[] = [];

  apply(changes: readonly RowEvent[]): void {
    const known = new Set(changes.flatMap((c) => {
      const asked = changeIdentity(mapping, c);
      const found = asked !== null && this.versions.some((v) => v.endedBy === asked.hex && (asked.key === null || keyIdentity(mapping, asked.key) === keyIdentity(mapping, keyOfRow(mapping, v.cells))));
      return found ? [asked.id] : [];
    }));
    const touched = touchedKeys(mapping, changes);
    const standing = new Map([...this.rows].filter(([id]) => touched.has(id)));
    const truncate = changes.findIndex((c) => c.op === 'truncate');
    if (truncate >= 0) this.truncate(changes[truncate]!, { known, before: touchedKeys(mapping, changes.slice(0, truncate)) });
    const { ended, begins } = deriveHistory({ mapping, changes, epoch: 1, live: true, mixed: false, rereadUntil: null, truncated: null, standing, reread: new Map(), known });
    this.versions.push(...ended);
    for (const event of changes) this.write(event);
    for (const [id, beginUs] of begins) this.rows.set(id, { ...this.rows.get(id)!, beginUs });
  }

  /** The caller's part of a truncate: rows that the batch has not touched before it. */
  private truncate(event: RowEvent, { known, before }: { known: ReadonlySet<string>; before: ReadonlyMap<string, unknown> }): void {
    const identity = changeIdentity(mapping, event);
    if (identity !== null && known.has(identity.id)) return;
    for (const [id, row] of this.rows) {
      if (before.has(id) || (row.beginUs ?? 0n) > event.tx.committedAtUs) continue;
      this.versions.push({ cells: row.cells, fromUs: row.beginUs, toUs: event.tx.committedAtUs, deleted: true, approximate: false, endedAt: event.tx.position, endedBy: identity?.hex ?? null });
    }
  }

  private write(event: RowEvent): void {
    if (event.op === 'truncate') this.rows.clear();
    if (event.op === 'delete') this.rows.delete(keyIdentity(mapping, event.key));
    if (event.op !== 'insert' && event.op !== 'update') return;
    if (event.op === 'update' && event.oldKey !== null) this.rows.delete(keyIdentity(mapping, event.oldKey));
    this.rows.set(keyIdentity(mapping, keyOfRow(mapping, event.row)), { standing: { is: 'row', version: { epoch: 1, kind: 'stream', position: event.tx.position } }, cells: event.row as Row, beginUs: null });
  }

  show(): string[] {
    const rows = [...this.rows.values()].map((r) => `stands ${r.cells.join(' ')} since ${String(r.beginUs)}`);
    return [...rows, ...this.versions.map((v) => `${v.cells.join(' ')} ${String(v.fromUs)}→${String(v.toUs)} ${String(v.deleted)} ${String(v.approximate)}`)].sort();
  }
}

interface Emission {
  readonly after: number;
  readonly back: number;
}

/** Each time capture goes back, it emits all that follows again. `whole`: within one transaction only, as the rest is skipped. */
function emit(events: readonly RowEvent[], restarts: readonly Emission[], within: 'transaction' | 'log'): RowEvent[] {
  const emitted: RowEvent[] = [];
  const left = restarts.map((r) => ({ ...r, after: r.after % (events.length + 1) }));
  for (let i = 0; i < events.length; i += 1) {
    emitted.push(events[i]!);
    const restart = left.findIndex((r) => r.after === i);
    if (restart < 0) continue;
    const [{ back }] = left.splice(restart, 1) as [Emission];
    let to = i;
    while (to > 0 && i - to < back && (within === 'log' || events[to - 1]!.tx.position.equals(events[i]!.tx.position))) to -= 1;
    i = to - 1;
  }
  // where positions are offsets, what comes again has others
  return within === 'transaction' ? emitted : emitted.map((event, n) => ({ ...event, tx: { ...event.tx, position: at(n + 1) } }));
}

function batches(events: readonly RowEvent[], cuts: readonly number[]): RowEvent[][] {
  const borders = [...new Set([0, ...cuts.map((c) => c % (events.length + 1)), events.length])].sort((a, b) => a - b);
  return borders.slice(1).map((to, i) => events.slice(borders[i], to));
}

describe('history of events that are emitted again', () => {
  it.each([['of one transaction, at its position', 'transaction'], ['of several transactions, at other positions', 'log']] as const)('%s, is that of the events written once', (_what, within) => {
    const restarts = fc.array(fc.record({ after: fc.nat(40), back: fc.nat(12) }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), restarts, fc.array(fc.nat(80), { maxLength: 12 }), (steps, again, cuts) => {
        const events = play(steps);
        const [once, twice] = [new Table(), new Table()];
        for (const event of events) once.apply([event]);
        for (const batch of batches(emit(events, again, within), cuts)) twice.apply(batch);
        expect(twice.show()).toEqual(once.show());
      }),
      { numRuns: 1500 },
    );
  });
});
