import type { RowEvent } from './change-event';
import { at, eventsOf, integerKey, mappingOf } from './core.fixture';
import { changeIdentity, deriveHistory, timestampText, timestampUs, touchedKeys, type DeriveInput, type StandingImage } from './history';
import { LogPosition } from './position';
import { keyIdentity, type TableMapping } from './table';

const plain = mappingOf('t', [integerKey]);
const mapping: TableMapping = { ...plain, history: { kind: 'derived', target: { schema: 'public', name: 't_archive' }, source: null, period: null } };
const e = eventsOf(mapping.id);

/** Events at commit time = position, microseconds. */
const timed = (event: RowEvent): RowEvent => ({ ...event, tx: { ...event.tx, committedAtUs: event.tx.position.toBigInt() } });

const row = (cells: readonly string[], version: { epoch?: number; kind?: 'preload' | 'stream'; n?: number; begin?: number } = {}): StandingImage => ({
  standing: { is: 'row', version: { epoch: version.epoch ?? 2, kind: version.kind ?? 'stream', position: version.n === 0 ? LogPosition.ZERO : at(version.n ?? 1) } },
  cells,
  beginUs: version.begin === undefined ? null : BigInt(version.begin),
});

interface Case {
  readonly what: string;
  readonly stands?: readonly StandingImage[];
  readonly events: readonly RowEvent[];
  readonly table?: Partial<DeriveInput>;
  /** `cells from→to`, then `deleted`, `approximate`. */
  readonly ended: readonly string[];
  readonly begins?: Record<string, number | null>;
}

const A = ['1', 'a', 'x'];
const changed = (event: RowEvent, change: string): RowEvent => ({ ...event, change });

const cases: readonly Case[] = [
  { what: 'an insert ends nothing', events: [e.insert(5, ...A)], ended: [], begins: { 1: 5 } },
  { what: 'an update ends what stood', stands: [row(A, { begin: 2 })], events: [e.update(5, '1', 'b', 'x')], ended: ['1 a x 2→5'], begins: { 1: 5 } },
  { what: 'a delete ends it for good', stands: [row(A, { begin: 2 })], events: [e.remove(5, '1')], ended: ['1 a x 2→5 deleted'], begins: {} },
  { what: 'every event of a key ends the version before', events: [e.insert(5, ...A), e.update(6, '1', 'b', undefined), e.remove(7, '1'), e.insert(8, ...A)], ended: ['1 a x 5→6', '1 b x 6→7 deleted'], begins: { 1: 8 } },
  { what: 'two changes in one transaction are two versions', stands: [row(A, { begin: 2 })], events: [e.update(5, '1', 'b', 'x'), e.update(5, '1', 'c', 'x')], ended: ['1 a x 2→5', '1 b x 5→5'], begins: { 1: 5 } },
  { what: 'a move deletes at the old key and begins at the new', stands: [row(A, { begin: 2 })], events: [e.move(5, ['1'], '2', 'b', undefined), e.update(6, '2', 'c', undefined)], ended: ['1 a x 2→5 deleted', '2 b x 5→6'], begins: { 2: 6 } },
  { what: 'a move onto a row that stands ends that row too', stands: [row(A, { begin: 2 }), row(['2', 'q', 'q'], { begin: 3 })], events: [e.move(5, ['1'], '2', 'b', 'x')], ended: ['1 a x 2→5 deleted', '2 q q 3→5'], begins: { 2: 5 } },
  { what: 'a truncate deletes what the batch has seen, and what comes after begins anew', stands: [row(A, { begin: 2 }), row(['2', 'q', 'q'])], events: [e.update(5, '1', 'b', 'x'), e.truncate(6), e.insert(7, '2', 'r', 'r')], ended: ['1 a x 2→5', '1 b x 5→6 deleted'], begins: { 2: 7 } },
  { what: 'an event below what stands was counted before', stands: [row(A, { n: 9, begin: 9 })], events: [e.update(5, '1', 'b', 'x'), e.remove(6, '1')], ended: [], begins: {} },
  { what: 'an event below a delete marker too', stands: [{ standing: { is: 'marker', version: { epoch: 2, kind: 'stream', position: at(9) } }, cells: null, beginUs: null }], events: [e.insert(5, ...A), e.remove(6, '1')], ended: [], begins: {} },
  { what: 'an event below a truncate of the epoch too', events: [e.insert(5, ...A), e.remove(6, '1')], table: { truncated: { epoch: 2, position: at(7) } }, ended: [], begins: {} },
  { what: 'a preload row is exact once the table is live', stands: [row(A, { kind: 'preload' })], events: [e.remove(5, '1')], ended: ['1 a x ?→5 deleted'] },
  { what: 'before, it may be of any time, and leaves none', stands: [row(A, { kind: 'preload' })], events: [e.update(5, '1', 'b', undefined), e.update(6, '1', 'c', 'y')], table: { live: false }, ended: ['1 b x 5→6 approximate'], begins: { 1: 6 } },
  { what: 'so may a row of the stream that took cells from one', stands: [row(A, { begin: 2 })], events: [e.update(5, '1', 'b', undefined), e.update(6, '1', 'c', 'y'), e.remove(7, '1')], table: { live: false, mixed: true }, ended: ['1 a x 2→5 approximate', '1 b x 5→6 approximate', '1 c y 6→7 deleted'] },
  { what: 'but not any more once the table is live', stands: [row(A, { begin: 2 })], events: [e.remove(5, '1')], table: { mixed: true }, ended: ['1 a x 2→5 deleted'] },
  { what: 'one that this preload found as it stood before is what the event ended, whenever it was read', stands: [row(A, { n: 0, begin: 2 })], events: [e.update(5, '1', 'b', 'x'), e.remove(6, '1')], table: { live: false }, ended: ['1 a x 2→5 approximate', '1 b x 5→6 deleted'] },
  { what: 'a row of the stream is exact before that', stands: [row(A, { begin: 2 })], events: [e.remove(5, '1')], table: { live: false }, ended: ['1 a x 2→5 deleted'] },
  { what: 'while reads by key may lie ahead, versions are marked', stands: [row(A, { begin: 2 })], events: [e.update(5, '1', 'b', 'x'), e.remove(6, '1')], table: { rereadUntil: at(5) }, ended: ['1 a x 2→5 approximate', '1 b x 5→6 deleted'] },
  { what: 'a row of an older epoch that differs is marked', stands: [row(A, { epoch: 1, begin: 2 })], events: [e.update(5, '1', 'b', 'x')], ended: ['1 a x 2→5 approximate'], begins: { 1: 5 } },
  { what: 'one that does not differ goes on', stands: [row(A, { epoch: 1, begin: 2 })], events: [e.insert(5, ...A), e.update(6, '1', 'b', 'x')], ended: ['1 a x 2→6'], begins: { 1: 6 } },
  { what: 'one that is deleted is marked', stands: [row(A, { epoch: 1, begin: 2 })], events: [e.remove(5, '1')], ended: ['1 a x 2→5 deleted approximate'] },
  { what: 'unknown cells come from the row read again', events: [e.update(5, '1', 'b', undefined), e.remove(6, '1')], table: { reread: new Map([[keyIdentity(mapping, ['1']), ['1', 'now', 'now']]]) }, ended: ['1 b now 5→6 deleted approximate'] },
  { what: 'a row read again and not found writes nothing', stands: [row(A, { epoch: 1, begin: 2 })], events: [e.update(5, '1', 'b', undefined)], table: { reread: new Map([[keyIdentity(mapping, ['1']), null]]) }, ended: [], begins: {} },
  { what: 'an insert takes nothing from what stood there', stands: [row(A, { begin: 2 })], events: [e.insert(5, '1', 'b', undefined), e.remove(6, '1')], table: { reread: new Map([[keyIdentity(mapping, ['1']), ['1', 'b', 'read']]]) }, ended: ['1 a x 2→5', '1 b read 5→6 deleted approximate'] },
  { what: 'an event that has ended its version before ends no other: it goes on', stands: [row(A, { begin: 6 })], events: [changed(e.update(5, '1', 'b', 'x'), 'aa'), changed(e.update(6, '1', 'a', 'x'), 'ab'), changed(e.update(8, '1', 'c', 'x'), 'ac')], table: { known: new Set(['aa', 'ab'].map((c) => `02${c} ${keyIdentity(mapping, ['1'])}`)) }, ended: ['1 a x 6→8'], begins: { 1: 8 } },
  { what: 'op and key belong to what it is recognised by', stands: [row(A, { begin: 2 })], events: [changed(e.remove(5, '1'), 'aa')], table: { known: new Set([`02aa ${keyIdentity(mapping, ['1'])}`, `03aa ${keyIdentity(mapping, ['2'])}`]) }, ended: ['1 a x 2→5 deleted'] },
  { what: 'an insert emitted again is told by its time', stands: [row(A, { begin: 6 })], events: [changed(e.insert(5, '1', 'first', 'x'), 'aa')], ended: [], begins: { 1: 6 } },
  { what: 'an insert after a delete that was not applied ends the row all the same', stands: [row(A, { begin: 4 })], events: [changed(e.insert(5, '1', 'new', 'x'), 'aa')], ended: ['1 a x 4→5'], begins: { 1: 5 } },
  { what: 'while the table is not live, so is an update that ended a preload row', stands: [row(A, { begin: 6 })], events: [changed(e.update(5, '1', 'b', 'x'), 'aa'), changed(e.update(6, '1', 'a', 'x'), 'ab')], table: { live: false }, ended: [], begins: { 1: 6 } },
  { what: 'a truncate that found nothing does not end what came after it', stands: [row(A, { begin: 6 })], events: [changed(e.update(6, '1', 'b', 'x'), 'ab'), changed(e.truncate(5), 'aa')], ended: ['1 a x 6→6'], begins: {} },
  { what: 'time does not go back behind what is known of a key', stands: [row(A, { begin: 90 })], events: [e.update(5, '1', 'b', 'x'), e.update(6, '1', 'c', 'x')], ended: ['1 a x 90→90', '1 b x 90→90'], begins: { 1: 90 } },
];

function derive(of: Case, mapped = mapping) {
  const changes = of.events.map(timed);
  const standing = new Map((of.stands ?? []).map((image, i) => [keyIdentity(mapped, [image.cells?.[0] ?? String(i + 1)]), image]));
  return deriveHistory({ mapping: mapped, changes, epoch: 2, live: true, mixed: false, rereadUntil: null, truncated: null, standing, reread: new Map(), known: new Set(), ...of.table });
}

describe('derived history', () => {
  it.each(cases)('$what', (of) => {
    const { ended, begins } = derive(of);
    expect(ended.map((v) => `${v.cells.join(' ')} ${v.fromUs ?? '?'}→${v.toUs}${v.deleted ? ' deleted' : ''}${v.approximate ? ' approximate' : ''}`)).toEqual(of.ended);
    if (of.begins !== undefined) expect(Object.fromEntries([...begins].map(([id, us]) => [id, us === null ? null : Number(us)]))).toEqual(of.begins);
  });

  it('needs what stands at both keys of a move', () => {
    expect([...touchedKeys(mapping, [e.move(1, ['1'], '2', 'a', 'b'), e.remove(2, '3'), e.truncate(3), e.insert(4, '3', 'a', 'b')]).values()]).toEqual([['2'], ['1'], ['3']]);
  });
});

describe('derived history with a period in the rows', () => {
  const time = { kind: 'timestamp', zone: true } as const;
  const periodic: TableMapping = {
    ...mapping,
    columns: mapping.columns.map((c, i) => (i === 0 ? c : { ...c, type: time })),
    history: { kind: 'derived', target: { schema: 'public', name: 't_archive' }, source: null, period: { from: 1, to: 2 } },
  };
  const END = '9999-12-31 23:59:59.999999+00';
  const day = (n: number): string => `2026-01-0${String(n)} 00:00:00+00`;
  const cells = (events: readonly RowEvent[]): unknown => derive({ what: '', events, ended: [] }, periodic).ended.map((v) => [...v.cells.slice(1), v.approximate]);

  it('a version ends where the next begins by its own account; a deleted one about its commit time', () => {
    expect(cells([e.insert(5, '1', day(1), END), e.update(6, '1', day(2), END), e.remove(7, '1')])).toEqual([
      [day(1), day(2), false],
      [day(2), day(2), true],
    ]);
    expect(cells([e.insert(5, '1', '1969-01-01 00:00:00+00', END), e.remove(7, '1')])).toEqual([['1969-01-01 00:00:00+00', '1970-01-01 00:00:00.000007+00', true]]);
  });

  it('an insert emitted again is told by the row\'s own begin', () => {
    const [again, later] = [1, 3].map((n) => changed(e.insert(5, '1', day(n), END), 'aa'));
    const ended = [again, later].map((event) => derive({ what: '', stands: [row(['1', day(2), END])], events: [event!], ended: [] }, periodic).ended.map((v) => v.cells));
    expect(ended).toEqual([[], [['1', day(2), day(3)]]]);
  });

  it('does not go back in time', () => {
    expect(cells([e.insert(5, '1', day(3), END), e.update(6, '1', day(2), END)])).toEqual([[day(3), day(3), false]]);
  });
});

describe('the identity of a change', () => {
  it('is kept with the version its event ended, and absent where the event carries none', () => {
    const { ended } = derive({ what: '', stands: [row(A, { begin: 2 })], events: [changed(e.update(5, '1', 'b', 'x'), '00ff'), e.remove(6, '1')], ended: [] });
    expect(ended.map((v) => v.endedBy)).toEqual(['0200ff', null]);
  });

  it.each(['', 'A0', 'abc', 'lsn'])('is whole bytes of lower-case hex, not %p', (change) => {
    expect(() => changeIdentity(mapping, changed(e.remove(1, '1'), change))).toThrow('not the identity of a change');
  });
});

describe('times', () => {
  it.each([
    ['1970-01-01 00:00:00+00', 0n],
    ['2026-11-22 22:09:34.123456+00', 1_795_385_374_123_456n],
    ['1969-12-31 23:59:59.999999+00', -1n],
    ['0001-01-01 00:00:00+00', -62_135_596_800_000_000n],
  ])('%s is %s and back', (text, us) => {
    expect(timestampUs(text)).toBe(us);
    expect(timestampText(us, true)).toBe(text);
  });

  it.each(['infinity', '-infinity', '0044-03-15 00:00:00+00 BC', '2026-01-01 00:00:00+05'])('%s is no common time', (text) => {
    expect(timestampUs(text)).toBeNull();
  });
});
