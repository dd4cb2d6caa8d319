import { clockOf, dateOf, daysOf, julianDateOf, SECONDS_PER_DAY } from './calendar';

/** A timestamp with zone as `timestampFromIso` spells it, then perhaps the offset it was stored with. */
const INSTANT = /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d+))?\+00( BC)?( [+-]\d\d:\d\d)?$/;
const FIRST_SURE = '1970-01-01 00:00:01';
const VERSION = /^(\d+)\.(\d+)\.(\d+)\./;
/** Seconds of 1582-10-15, the Gregorian calendar's first day, and of the end of the ten days before it as Java counts on. */
const GREGORIAN = -12_219_292_800;
const GAP_END = GREGORIAN + 10 * SECONDS_PER_DAY;

/** Releases looked at, all of them: of none newer is it known. */
export function misplacesInstants(version: string): boolean {
  if (version === '3.7.0.Alpha1' || version === '3.7.0.Alpha2') return true;
  const [major = 0, minor = 0, patch = 0] = (VERSION.exec(version) ?? ['', '99']).slice(1).map(Number);
  return major < 3 || (major === 3 && (minor < 6 || (minor === 6 && patch < 2)));
}

/**
 * What a datetimeoffset was before Debezium's SQL Server connector moved it (`SqlServerValueConverters.convertTimestampWithZone`):
 * 1. it divides milliseconds by 1000 towards zero, so that instants before 1970 with a fraction of a millisecond or more are
 *    one second late;
 * 2. the driver gives instants before 1582-10-15 as Java counts them, whose calendar is the Julian one then, and they are
 *    printed in the Gregorian: .NET's `DateTimeOffset.MinValue` becomes 0000-12-30.
 * Both can be undone, as no two values become one, but for the first second of 1970 and the ten days that Java's calendar
 * lacks (1582-10-05 to 14, which become the 15th to the 24th). Tried with Debezium 3.6.1 and its driver 12.4.2.
 * @param cell as `timestampFromIso` or `instantAndOffset` reads it. @returns null: two values are sent as this one
 */
export function instantBefore(cell: string): string | null {
  // Years of five digits come before it too.
  if (cell >= FIRST_SURE) return cell;
  const parts = INSTANT.exec(cell);
  if (parts === null) return cell;
  const [, year = '', month, day, hours, minutes, seconds, fraction = '', era = '', offset = ''] = parts.map((part) => part as string | undefined);
  const y = era === '' ? Number(year) : 1 - Number(year);
  const sent = daysOf(y, Number(month), Number(day)) * SECONDS_PER_DAY + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  const late = fraction.padEnd(3, '0').slice(0, 3) !== '000';
  if (sent >= 0) return sent === 0 && late ? null : cell;
  const at = sent - (late ? 1 : 0);
  if (at >= GREGORIAN && at < GAP_END) return null;
  const days = Math.floor(at / SECONDS_PER_DAY);
  const date = at < GREGORIAN ? julianDateOf(days) : dateOf(days);
  return `${date.text} ${clockOf(at - days * SECONDS_PER_DAY)}${fraction === '' ? '' : `.${fraction}`}+00${date.era}${offset}`;
}
