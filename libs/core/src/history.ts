import type { InsertEvent, RowEvent, TransactionInfo, UpdateEvent } from './change-event';
import type { Cell, EventCell, Row } from './column-type';
import type { LogPosition } from './position';
import { keyIdentity, keyOfRow, type TableMapping } from './table';
import { decide, mayCarry, type Standing, type TruncateMemory, type Version } from './version';

/**
 * Derived history (R13): which versions of which rows a batch ends, decided from every event of it and from what stood
 * at its keys before. Pure; both write paths of a warehouse call it, so that they cannot differ.
 */

/** What stood at a key before the batch. */
export interface StandingImage {
  readonly standing: Standing;
  /** Null where no row stands. */
  readonly cells: Row | null;
  /** Since when the row is valid, where the target keeps that; null: unknown. Microseconds since 1970. */
  readonly beginUs: bigint | null;
}

export interface DeriveInput {
  readonly mapping: TableMapping;
  readonly changes: readonly RowEvent[];
  readonly epoch: number;
  readonly live: boolean;
  /** Until there rows may be newer than the events that still come: read again by key, or repaired. */
  readonly rereadUntil: LogPosition | null;
  /** Not live, and `mixed` was told of an earlier batch of this epoch: rows of the stream may hold cells read later. */
  readonly mixed: boolean;
  /** Of the table, before this batch. */
  readonly truncated: TruncateMemory;
  /** By `keyIdentity`, for every key of `touchedKeys`; absent: nothing stood there. */
  readonly standing: ReadonlyMap<string, StandingImage>;
  /** Rows read again by key for this batch, by identity; null: the source has none any more, nothing is written for that key. */
  readonly reread: ReadonlyMap<string, Row | null>;
  /** Ids (`changeIdentity`) of the batch's events that ended a version before this batch. */
  readonly known: ReadonlySet<string>;
}

/** By what an event is recognised when capture emits it again (R13). */
export interface ChangeIdentity {
  /** Op and key too: of use within one table. */
  readonly id: string;
  /** Op and `change`, lower-case hex; kept with the version that the event ended. */
  readonly hex: string;
  /** Key of that version; null: a truncate ends those of all keys. */
  readonly key: readonly string[] | null;
}

const OP_BYTES = { insert: '01', update: '02', delete: '03', truncate: '04' } as const;

/** Null: the event carries no identity, nothing is ever emitted again. */
export function changeIdentity(mapping: TableMapping, event: RowEvent): ChangeIdentity | null {
  if (event.change === undefined) return null;
  if (!/^(?:[0-9a-f]{2})+$/.test(event.change)) throw new RangeError(`not the identity of a change: '${event.change}' (lower-case hex, whole bytes)`);
  const hex = `${OP_BYTES[event.op]}${event.change}`;
  const key = endsAt(mapping, event);
  return { id: key === null ? hex : `${hex} ${keyIdentity(mapping, key)}`, hex, key };
}

function endsAt(mapping: TableMapping, event: RowEvent): readonly string[] | null {
  switch (event.op) {
    case 'truncate':
      return null;
    case 'delete':
      return event.key;
    case 'insert':
      return keyOfRow(mapping, event.row);
    case 'update':
      return event.oldKey ?? keyOfRow(mapping, event.row);
  }
  return event satisfies never;
}

/** One superseded version, ready for the archive. */
export interface EndedVersion {
  /** In mapping order; with a period in the row, its end is in there too. */
  readonly cells: Row;
  /** Microseconds; null: unknown. Of use only where the row has no period. */
  readonly fromUs: bigint | null;
  readonly toUs: bigint;
  readonly deleted: boolean;
  readonly approximate: boolean;
  /** Position of the event that ended it. */
  readonly endedAt: LogPosition;
  /** `ChangeIdentity.hex` of that event; null: it carries none. */
  readonly endedBy: string | null;
}

export interface DerivedHistory {
  readonly ended: readonly EndedVersion[];
  /** By `keyIdentity`: since when the row that the batch leaves at the key is valid; null: unknown. */
  readonly begins: ReadonlyMap<string, bigint | null>;
  /**
   * A row that the batch leaves holds cells of a preload row that may have been read later than the event lies. The stream
   * passes that read before the table is live, so it matters until then; which row it is, nothing tells afterwards.
   */
  readonly mixed: boolean;
}

/** Keys whose standing rows `deriveHistory` needs: of every insert, update (both keys) and delete. By identity. */
export function touchedKeys(mapping: TableMapping, changes: readonly RowEvent[]): Map<string, readonly string[]> {
  const keys = new Map<string, readonly string[]>();
  const add = (key: readonly string[]): void => {
    const id = keyIdentity(mapping, key);
    if (!keys.has(id)) keys.set(id, key);
  };
  for (const event of changes) {
    if (event.op === 'truncate') continue;
    if (event.op === 'delete') add(event.key);
    else add(keyOfRow(mapping, event.row));
    if (event.op === 'update' && event.oldKey !== null) add(event.oldKey);
  }
  return keys;
}

/** How much a version can be relied on when it ends. */
type Trust =
  | 'exact'
  /** Cells of another moment may be in it. */
  | 'inexact'
  /** Of an epoch before: whether and when it was superseded is not known. */
  | 'older'
  /** A preload row, read later than the event that ends it may lie: it may be any version since, and leaves none. */
  | 'none';

interface Image {
  readonly cells: readonly EventCell[];
  readonly fromUs: bigint | null;
  readonly trust: Trust;
  /** Its cells are those of an event emitted again: what follows at its time is so too. */
  readonly again?: boolean;
}

interface Place {
  readonly before: StandingImage | undefined;
  image: Image | null;
  /** The latest time known of the key: versions of a key do not go back in time. */
  clockUs: bigint | null;
  /** A row of the batch stands here. */
  written: boolean;
}

/** An event that is being gone through. */
interface Taken {
  readonly tx: TransactionInfo;
  readonly identity: ChangeIdentity | null;
  /** It was emitted before. */
  readonly again: boolean;
}

/**
 * Decides; see above. A truncate ends the versions of keys seen in the batch; the caller ends those of all others.
 *
 * An event emitted again takes the rows back to what they were and is followed by the others that were emitted again, so
 * rows end as they were: for history it only changes the image, the version goes on. It is told by its identity, which
 * stands with the version it ended or was seen before in the batch; an event that ended none (an insert; while the table is
 * not live, any) by its time, as far as that tells it: that stands before the begin of what it would end.
 */
export function deriveHistory(input: DeriveInput): DerivedHistory {
  return new Derivation(input).run();
}

class Derivation {
  private readonly places = new Map<string, Place>();
  private readonly ended: EndedVersion[] = [];
  private readonly seen = new Set<string>();
  private truncatedAt: LogPosition | null = null;
  private mixed = false;

  constructor(private readonly input: DeriveInput) {}

  run(): DerivedHistory {
    for (const event of this.input.changes) this.take(event);
    const begins = new Map<string, bigint | null>();
    for (const [id, place] of this.places) if (place.written && place.image !== null) begins.set(id, place.image.fromUs);
    return { ended: this.ended, begins, mixed: this.mixed };
  }

  private take(event: RowEvent): void {
    const { mapping } = this.input;
    const taken = this.recognise(event);
    switch (event.op) {
      case 'insert':
        // what it does not carry is not what stood there before
        this.replace(keyOfRow(mapping, event.row), event, taken, null);
        return;
      case 'update':
        this.update(event, taken);
        return;
      case 'delete':
        this.remove(event.key, taken);
        return;
      case 'truncate':
        if (this.isIgnored(undefined, event.tx.position)) return;
        for (const place of this.places.values()) if (!this.isIgnored(place, event.tx.position)) this.clear(place, taken, 'truncate');
        this.truncatedAt = event.tx.position;
        return;
    }
    event satisfies never;
  }

  private recognise(event: RowEvent): Taken {
    const identity = changeIdentity(this.input.mapping, event);
    const again = identity !== null && (this.input.known.has(identity.id) || this.seen.has(identity.id));
    if (identity !== null) this.seen.add(identity.id);
    return { tx: event.tx, identity, again };
  }

  private update(event: UpdateEvent, taken: Taken): void {
    const { mapping } = this.input;
    const key = keyOfRow(mapping, event.row);
    if (event.oldKey === null || keyIdentity(mapping, event.oldKey) === keyIdentity(mapping, key)) {
      this.replace(key, event, taken);
      return;
    }
    const carried = this.place(event.oldKey, event.tx.position)?.image ?? null;
    this.remove(event.oldKey, taken);
    this.replace(key, event, taken, carried);
  }

  /** The version at the key ends, one of these cells begins. `carried`: the row that moved here supplies what is unknown; null: none does. */
  private replace(key: readonly string[], event: InsertEvent | UpdateEvent, taken: Taken, carried?: Image | null): void {
    const { tx } = taken;
    const place = this.place(key, tx.position);
    if (place === null) return;
    const { cells, whole } = this.complete(key, event.row, carried === undefined ? place.image : carried);
    const again = taken.again || this.isPast(place.image, taken, event.op, cells);
    const kept = again ? goesOn(place.image, tx) : this.end(place, taken, cells);
    const fromUs = kept === null ? this.tick(place, tx) : kept.fromUs;
    place.image = { cells, fromUs, trust: whole ? 'exact' : 'inexact', again };
    place.written = true;
  }

  private remove(key: readonly string[], taken: Taken): void {
    const place = this.place(key, taken.tx.position);
    if (place !== null) this.clear(place, taken, 'delete');
  }

  private clear(place: Place, taken: Taken, op: 'delete' | 'truncate'): void {
    if (!taken.again && !this.isPast(place.image, taken, op, null)) {
      this.end(place, taken, null);
      return;
    }
    place.image = null;
    place.written = false;
  }

  /** Of an event that may be emitted again: it belongs before the image, as its time tells. `cells`: what would follow. */
  private isPast(image: Image | null, { tx, identity }: Taken, op: RowEvent['op'], cells: readonly EventCell[] | null): boolean {
    if (identity === null || image === null || image.trust === 'older' || image.trust === 'none') return false;
    const period = this.input.mapping.history?.period ?? null;
    const began = period === null ? image.fromUs : usOf(image.cells[period.from]);
    const begins = period === null || cells === null ? tx.committedAtUs : usOf(cells[period.from]);
    if (began === null || begins === null || begins > began) return false;
    // nothing stood where a row is inserted
    if (op === 'insert') return true;
    // a truncate of an empty table ended nothing either
    if (this.input.live && op !== 'truncate') return false;
    return begins < began || image.again === true || (cells !== null && sameCells(image.cells, cells));
  }

  /** Fills unknown cells: from the image before where that is known, else from the row read again or whatever stands. */
  private complete(key: readonly string[], row: readonly EventCell[], from: Image | null): { cells: readonly EventCell[]; whole: boolean } {
    if (!row.includes(undefined)) return { cells: row, whole: true };
    const reread = this.input.reread.get(keyIdentity(this.input.mapping, key)) ?? null;
    const before = from === null || from.trust === 'older' ? null : from.cells;
    if (from?.trust === 'none') this.mixed = true;
    const [first, second] = from?.trust === 'none' ? [reread, before] : [before, reread];
    const cells = row.map((cell, i) => (cell !== undefined ? cell : first?.[i] !== undefined ? first[i] : second?.[i]));
    return { cells, whole: from !== null && from.trust === 'exact' && !cells.includes(undefined) };
  }

  /**
   * Ends the version at a place. `next`: the cells that follow, null after a delete. Returns the image where nothing
   * ended, because a row of an older epoch is as it was: it goes on.
   */
  private end(place: Place, { tx, identity }: Taken, next: readonly EventCell[] | null): Image | null {
    const { image } = place;
    if (image === null) return null;
    place.image = null;
    place.written = false;
    if (image.trust === 'none') return null;
    if (image.trust === 'older' && next !== null && sameCells(image.cells, next)) return image;
    const toUs = this.tick(place, tx);
    const cells = image.cells.map((cell) => cell ?? null);
    const period = this.input.mapping.history?.period ?? null;
    const ofDelete = next === null && period !== null;
    if (period !== null) cells[period.to] = this.periodEnd(cells[period.from] ?? null, next?.[period.from] ?? null, tx.committedAtUs);
    // with a period in the rows, its clock is the source's own and the commit time of a delete only comes close to it
    this.ended.push({ cells, fromUs: image.fromUs, toUs, deleted: next === null, approximate: image.trust !== 'exact' || ofDelete, endedAt: tx.position, endedBy: identity?.hex ?? null });
    return null;
  }

  private periodEnd(from: Cell, next: Cell, committedAtUs: bigint): Cell {
    const type = this.input.mapping.columns[this.input.mapping.history?.period?.to ?? -1]?.type;
    const end = next ?? timestampText(committedAtUs, type?.kind === 'timestamp' && type.zone);
    const [a, b] = [from === null ? null : timestampUs(from), timestampUs(end)];
    return a !== null && b !== null && b < a ? from : end;
  }

  /** Commit time, never before what is known of the key. */
  private tick(place: Place, tx: TransactionInfo): bigint {
    place.clockUs = later(place.clockUs, tx.committedAtUs);
    return place.clockUs;
  }

  /** Null: the event is not for this key, as it is not written there either. */
  private place(key: readonly string[], position: LogPosition): Place | null {
    const id = keyIdentity(this.input.mapping, key);
    if (this.input.reread.get(id) === null) return null;
    let place = this.places.get(id);
    if (place === undefined) {
      const before = this.input.standing.get(id);
      place = { before, image: this.imageOf(before, position), clockUs: before?.beginUs ?? null, written: false };
      this.places.set(id, place);
    }
    return this.isIgnored(place, position) ? null : place;
  }

  private isIgnored(place: Place | undefined, position: LogPosition): boolean {
    const write: Version = { epoch: this.input.epoch, kind: 'stream', position };
    return decide(place?.before?.standing ?? { is: 'nothing' }, write, this.input.truncated) === 'ignore';
  }

  private imageOf(before: StandingImage | undefined, position: LogPosition): Image | null {
    if (before === undefined || before.cells === null || before.standing.is !== 'row') return null;
    const { version } = before.standing;
    const { epoch, live, mixed, rereadUntil } = this.input;
    // a truncate of this batch took it; its version was ended by the caller
    if (this.truncatedAt !== null && (version.epoch < epoch || version.kind === 'preload' || !this.truncatedAt.isBelow(version.position))) return null;
    return { cells: before.cells, fromUs: before.beginUs, trust: trustOf(version, { epoch, live, mixed, rereadUntil }, position) };
  }
}

/**
 * A row read again by key, or repaired, is one of few: the others of its table stay versions, marked while such a read may lie
 * ahead. A row at the lowest place of its epoch is what a preload found as it stood before (or a repair wrote): whether it was
 * read before or after the event, what the event ended is what stood, as far as no event was lost.
 */
function trustOf(version: Version, table: Pick<DeriveInput, 'epoch' | 'live' | 'mixed' | 'rereadUntil'>, position: LogPosition): Trust {
  if (version.epoch < table.epoch) return 'older';
  const known = table.live || version.kind === 'stream';
  if (!known) return 'none';
  if (!table.live && (table.mixed || (version.kind === 'stream' && version.position.hex === ''))) return 'inexact';
  return mayCarry({ live: known, rereadUntil: table.rereadUntil }, position) ? 'exact' : 'inexact';
}

/**
 * The version that an event emitted again leaves as it is. A preload row is none: the event that comes first begins one.
 * After a delete or truncate, emitted again too, the row began anew; then its version begins where this event did.
 */
function goesOn(image: Image | null, tx: TransactionInfo): Image | null {
  if (image === null || image.trust === 'none') return null;
  return image.fromUs === null ? image : { ...image, fromUs: later(image.fromUs, tx.committedAtUs) };
}

function usOf(cell: EventCell): bigint | null {
  return typeof cell === 'string' ? timestampUs(cell) : null;
}

function sameCells(a: readonly EventCell[], b: readonly EventCell[]): boolean {
  return a.every((cell, i) => cell === b[i]);
}

function later(a: bigint | null, b: bigint): bigint {
  return a !== null && a > b ? a : b;
}

/** Microseconds since 1970 → `2026-01-02 03:04:05.000006+00`, or without the zone: UTC. */
export function timestampText(us: bigint, zone: boolean): string {
  const micros = ((us % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const iso = new Date(Number((us - micros) / 1_000n)).toISOString().replace(/^\+0*(?=\d{5})/, '');
  const text = iso.slice(0, iso.indexOf('.')).replace('T', ' ');
  return `${text}${micros === 0n ? '' : `.${micros.toString().padStart(6, '0')}`}${zone ? '+00' : ''}`;
}

/** The other way, for the canonical text in UTC; null for what is no common time (infinity, before year 1). Digits below the microsecond are cut. */
export function timestampUs(text: string): bigint | null {
  const match = /^(\d{4,6})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:\+00(?::00)?)?)?$/.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = ''] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  return BigInt(date.getTime()) * 1_000n + BigInt(fraction.slice(0, 6).padEnd(6, '0'));
}
