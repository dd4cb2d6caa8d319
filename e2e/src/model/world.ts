import { type Config } from './config';
import { at, DELETE, KEY_NAMES, KEYS, Layout, PUT_X, TRUNCATE } from './layout';

type Emit = (successor: Uint8Array, label: string) => void;

/**
 * The state being left (`s`) and the one being made (`c`), for the transitions of one model. A transition is:
 * `begin()`, changes to `c`, `go(label)`.
 */
export class World {
  readonly f: Layout;
  readonly c: Uint8Array;
  s: Uint8Array;
  private emit: Emit = () => undefined;
  private labelled = false;

  constructor(readonly config: Config) {
    this.f = new Layout(config);
    this.c = new Uint8Array(this.f.size);
    this.s = this.c;
  }

  leave(state: Uint8Array, emit: Emit, labelled: boolean): void {
    this.s = state;
    this.emit = emit;
    this.labelled = labelled;
  }

  begin(): void {
    this.c.set(this.s);
  }

  /** Emits `c` as a successor, unless nothing changed. */
  go(label: () => string): void {
    const { c, s } = this;
    for (let i = 0; i < c.length; i++) {
      if (c[i] !== s[i]) {
        this.emit(c, this.labelled ? label() : '');
        return;
      }
    }
  }

  partitionOf(key: number): number {
    return this.config.partitions === 2 ? key : 0;
  }

  /** Index of a log entry's variables. */
  entry(partition: number, offset: number): number {
    return partition * this.config.logEntries + offset;
  }
}

export function showValue(value: number): string {
  if (value === 0) return '-';
  if (value >= 0x50) return `stale${KEY_NAMES[value & 1] ?? ''}`;
  return value >= 0x40 ? `init${KEY_NAMES[value & 1] ?? ''}` : `v${value - 1}`;
}

export function showEvent(w: World, state: Uint8Array, event: number): string {
  const kind = at(state, w.f.eventKind + event);
  const key = KEY_NAMES[at(state, w.f.eventKey + event)] ?? '';
  const what = kind === TRUNCATE ? 'truncate' : kind === DELETE ? `del ${key}` : `${kind === PUT_X ? 'putX' : 'put'} ${key}=v${event}`;
  return `e${event}[T${at(state, w.f.eventTx + event)} ${what}]`;
}

/** The warehouse: rows with (epoch, kind, position), delete markers with (epoch, position). */
export function showRows(w: World, state: Uint8Array): string {
  const { f } = w;
  return KEYS.map((k) => {
    const extra = w.config.unknownColumns ? `/y:${showValue(at(state, f.rowExtra + k))}` : '';
    const kind = at(state, f.rowKind + k) === 0 ? 'preload' : 'stream';
    if (at(state, f.rowValue + k) !== 0) return `${KEY_NAMES[k]}=${showValue(at(state, f.rowValue + k))}${extra}(${at(state, f.rowEpoch + k)},${kind},${at(state, f.rowPosition + k)})`;
    if (at(state, f.markerEpoch + k) !== 0) return `${KEY_NAMES[k]}=delete marker(${at(state, f.markerEpoch + k)},${at(state, f.markerPosition + k)})`;
    return `${KEY_NAMES[k]}=-`;
  }).join(' ');
}
