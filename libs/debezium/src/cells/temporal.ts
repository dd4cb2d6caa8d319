import { FieldError } from '../field-error';
import { clockOf, dateOf, daysOf, fractionOf, named, SECONDS_PER_DAY, type DateText } from './calendar';

/** Digits after the second's point in one unit of an integer: milli-, micro- or nanoseconds. */
export type UnitDigits = 3 | 6 | 9;

const INTEGER = /^-?\d+$/;
const ISO_DATE = /^([+-]?\d{4,9})-(\d\d)-(\d\d)Z?$/;
const ISO_TIME = /^(\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d(?::\d\d)?)?$/;
const ISO_TIMESTAMP = /^([+-]?\d{4,9})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?(?:\[[^\]]*\])?$/;
/** The common case, cut instead of computed. */
const ISO_UTC = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

/**
 * PostgreSQL's infinities as its JDBC driver counts them (ms), taken for a number of whatever unit, and as that instant in
 * ISO; those of dates are their own. The positive timestamps are instants nobody stores, the others lie outside PostgreSQL's range.
 */
const INFINITE: ReadonlyMap<string, string> = new Map([
  ['9223372036825200000', 'infinity'],
  ['-9223372036832400000', '-infinity'],
  ['+292278994-08-16T23:00:00Z', 'infinity'],
  ['-292275055-05-16T23:00:00Z', '-infinity'],
  ['+294247-01-10T04:00:25.2Z', 'infinity'],
  ['-290308-12-21T19:59:27.6Z', '-infinity'],
  ['-5877611-06-21Z', 'infinity'],
  ['-5877611-06-22Z', '-infinity'],
  ['infinity', 'infinity'],
  ['-infinity', '-infinity'],
]);
const INFINITE_DAYS: ReadonlyMap<string, string> = new Map([
  ['-2147472692', 'infinity'],
  ['-2147472691', '-infinity'],
]);

/** What the column's own type says about its timestamps. */
export interface TimestampColumn {
  readonly zone: boolean;
  /** Digits of the fraction that the source's type holds; null: not known. */
  readonly precision: number | null;
  /** SQL Server: years 1 to 9999, so a nanosecond count outside the 64 bits can be told and undone. */
  readonly wraps: boolean;
}

/** Days since 1970-01-01. */
export function dateFromDays(text: string): string {
  if (!INTEGER.test(text) || text.length > 11) throw new FieldError('DEBEZIUM_VALUE', 'is no number of days');
  const infinite = INFINITE_DAYS.get(text);
  if (infinite !== undefined) return infinite;
  const date = dateOf(Number(text));
  return date.text + date.era;
}

export function dateFromIso(text: string): string {
  const infinite = text.length > 11 ? INFINITE.get(text) : undefined;
  if (infinite !== undefined) return infinite;
  const parts = ISO_DATE.exec(text);
  if (parts === null) return refuse('an ISO date');
  const date = named(Number(parts[1]), parts[2] ?? '', parts[3] ?? '');
  return date.text + date.era;
}

/** Units since midnight. */
export function timeFromUnits(text: string, unit: UnitDigits): string {
  const { seconds, fraction } = split(text, unit);
  if (seconds < 0 || seconds > SECONDS_PER_DAY || (seconds === SECONDS_PER_DAY && fraction !== '')) throw new FieldError('DEBEZIUM_VALUE', 'is no time of day');
  return clockOf(seconds) + fraction;
}

/** A time with zone keeps its offset in PostgreSQL's spelling: `Z` is `+00`. (Debezium has moved it to UTC by then.) */
export function timeFromIso(text: string, zone: boolean): string {
  const parts = ISO_TIME.exec(text);
  if (parts === null) return refuse('an ISO time');
  const clock = (parts[1] ?? '') + (parts[2] ?? ':00') + fractionOf(parts[3] ?? '');
  const offset = parts[4] ?? 'Z';
  if (!zone && offset !== 'Z') throw new FieldError('DEBEZIUM_TYPE', 'is a time with an offset for a column without one');
  return zone ? clock + (offset === 'Z' ? '+00' : offset.replace(/(?::00)+$/, '')) : clock;
}

/**
 * Units since 1970-01-01T00:00:00Z, all 64 bits. The text is cut into seconds and fraction: the count itself never is a
 * JS number, the seconds in it (at most 9.3e15) always are exact in one.
 */
export function timestampFromUnits(text: string, unit: UnitDigits, column: TimestampColumn): string {
  const infinite = column.wraps ? undefined : INFINITE.get(text);
  if (infinite !== undefined) return infinite;
  if (!column.wraps && unit === 6) refuseOverflow(text);
  const count = unit === 9 && column.wraps ? unwrapped(text) : text;
  const { seconds, fraction } = split(count, unit);
  // The end of a period, cut by a unit coarser than the column: no other value of year 9999's last unit is in use.
  const end = column.wraps && seconds === LAST_SECOND && fraction === NINES[unit] && (column.precision ?? 0) > unit;
  return spell(seconds, end ? `.${'9'.repeat(column.precision ?? 0)}` : fraction, column.zone);
}

/** ISO with `Z`, an offset, or neither (then UTC). */
export function timestampFromIso(text: string, zone: boolean): string {
  if (ISO_UTC.test(text)) {
    const clock = `${text.slice(0, 10)} ${text.slice(11, 19)}`;
    const fraction = text.length === 20 ? '' : fractionOf(text.slice(20, -1));
    return zone ? `${clock}${fraction}+00` : clock + fraction;
  }
  const parts = ISO_TIMESTAMP.exec(text);
  const infinite = INFINITE.get(text);
  if (infinite !== undefined) return infinite;
  if (parts === null) return refuse('an ISO timestamp');
  const [, year, month, day, hours, minutes, seconds, fraction, offset] = parts.map((part) => part as string | undefined);
  const local = daysOf(Number(year), Number(month), Number(day)) * SECONDS_PER_DAY + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds ?? '0');
  const shift = offsetSeconds(offset ?? 'Z');
  if (!zone && shift !== 0) throw new FieldError('DEBEZIUM_TYPE', 'is a timestamp with an offset for a column without one');
  return spell(local - shift, fractionOf(fraction ?? ''), zone);
}

const OFFSET = /[+-]\d\d:\d\d$/;

/** SQL Server's datetimeoffset → its instant, by which it sorts, then the offset it was stored with: `2018-07-13 01:23:45.456+00 +11:00`. */
export function instantAndOffset(text: string): string {
  return `${timestampFromIso(text, true)} ${OFFSET.exec(text)?.[0] ?? '+00:00'}`;
}

const LAST_SECOND = 253_402_300_799;
const FIRST_SECOND = -62_135_596_800;
const WRAPPED_PERIOD_END = '-4852116231933722724';
const PERIOD_END = '253402300799999999900';
const NINES: Readonly<Record<UnitDigits, string>> = { 3: '.999', 6: '.999999', 9: '.999999999' };

/**
 * Debezium up to 3.6.0.Beta2 multiplied nanoseconds without looking (reference/debezium-contract.md 7): the count is right
 * modulo 2^64. SQL Server's are multiples of 100, and 2^64 is 16 modulo 100, so the last two digits tell how often it
 * wrapped, modulo 25; years 1 to 9999 leave 19 possibilities. Thus every value comes back exactly, not the period's end
 * (-4852116231933722724) alone.
 */
function unwrapped(text: string): string {
  if (text.endsWith('00') || text === '0') return text;
  // every current row of a temporal table has it
  if (text === WRAPPED_PERIOD_END) return PERIOD_END;
  if (!INTEGER.test(text) || text.length > 20) return text;
  const value = BigInt(text);
  for (let turns = -4n; turns <= 14n; turns++) {
    const full = value + (turns << 64n);
    if (full % 100n === 0n && full >= BigInt(FIRST_SECOND) * 1_000_000_000n && full < BigInt(LAST_SECOND + 1) * 1_000_000_000n) return full.toString();
  }
  throw new FieldError('DEBEZIUM_VALUE', 'is a wrapped number of nanoseconds outside the years 1 to 9999');
}

/** 4714-11-24 BC, PostgreSQL's first day, in microseconds. */
const FIRST_MICROS = -210_866_803_200_000_000n;
const LAST_MICROS = 9_223_372_036_854_775_807n;

/** In PostgreSQL's last 30 years seconds are cut to fit 64 bits before the fraction is added: what is left of them tells nothing. */
function refuseOverflow(text: string): void {
  if (text.length < 19 || !INTEGER.test(text)) return;
  const value = BigInt(text);
  if (value < FIRST_MICROS || value >= LAST_MICROS) throw new FieldError('DEBEZIUM_VALUE', 'is a timestamp outside the 64 bits of a count of microseconds; set time.precision.mode=isostring');
}

/** Whole seconds, rounded down, and what is left of them as `.digits`. */
function split(text: string, unit: UnitDigits): { readonly seconds: number; readonly fraction: string } {
  if (!INTEGER.test(text) || text.length > 22) throw new FieldError('DEBEZIUM_VALUE', 'is no count of units of time');
  const minus = text.startsWith('-');
  const digits = (minus ? text.slice(1) : text).padStart(unit + 1, '0');
  const seconds = Number(digits.slice(0, -unit));
  const rest = digits.slice(-unit);
  if (!minus) return { seconds, fraction: fractionOf(rest) };
  const up = Number(rest);
  if (up === 0) return { seconds: seconds === 0 ? 0 : -seconds, fraction: '' };
  return { seconds: -seconds - 1, fraction: fractionOf(String(10 ** unit - up).padStart(unit, '0')) };
}

function spell(seconds: number, fraction: string, zone: boolean): string {
  const days = Math.floor(seconds / SECONDS_PER_DAY);
  const date: DateText = dateOf(days);
  return `${date.text} ${clockOf(seconds - days * SECONDS_PER_DAY)}${fraction}${zone ? '+00' : ''}${date.era}`;
}

function offsetSeconds(offset: string): number {
  if (offset === 'Z') return 0;
  const [hours = 0, minutes = 0, seconds = 0] = (offset.slice(1).replaceAll(':', '').match(/\d\d/g) ?? []).map(Number);
  return (offset.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds);
}

function refuse(what: string): never {
  throw new FieldError('DEBEZIUM_VALUE', `is not ${what}; check time.precision.mode`);
}
