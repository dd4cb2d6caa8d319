import { FieldError } from '../field-error';
import { fractionOf } from './calendar';

const ISO = /^P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d{1,9}))?S)?)?$/;

const ZERO = 'P0Y0M0DT0H0M0S';

/** `interval.handling.mode=string` → PostgreSQL's `IntervalStyle postgres`: `1 year 2 mons -3 days +04:05:06.78`. */
export function intervalText(text: string): string {
  const parts = ISO.exec(text);
  // Debezium asks the driver for the parts, which are all 0 for PostgreSQL's infinities.
  if (text === ZERO) throw new FieldError('DEBEZIUM_VALUE', 'is an interval of 0, as which Debezium writes infinity and -infinity too; it is read again when the dead letter is replayed');
  if (parts === null || text === 'P') throw new FieldError('DEBEZIUM_VALUE', 'is not an ISO interval');
  const [years, months, days, hours, minutes, seconds] = [parts[1], parts[2], parts[3], parts[4], parts[5], parts[7]].map((part) => Number(part ?? '0'));
  const allMonths = (years ?? 0) * 12 + (months ?? 0);
  const words: string[] = [];
  let negative = false;
  const word = (count: number, unit: string): void => {
    if (count === 0) return;
    words.push(`${negative && count > 0 ? '+' : ''}${String(count)} ${unit}${count === 1 ? '' : 's'}`);
    negative = count < 0;
  };
  word(Math.trunc(allMonths / 12), 'year');
  word(allMonths % 12, 'mon');
  word(days ?? 0, 'day');
  const minus = [parts[4], parts[5]].some((part) => part?.startsWith('-')) || parts[6] === '-';
  const clock = Math.abs(hours ?? 0) * 3600 + Math.abs(minutes ?? 0) * 60 + (seconds ?? 0);
  const fraction = fractionOf(parts[8] ?? '');
  if (clock !== 0 || fraction !== '' || words.length === 0) {
    const sign = minus && (clock !== 0 || fraction !== '') ? '-' : negative ? '+' : '';
    const pad = (n: number): string => String(n).padStart(2, '0');
    words.push(`${sign}${pad(Math.floor(clock / 3600))}:${pad(Math.floor(clock / 60) % 60)}:${pad(clock % 60)}${fraction}`);
  }
  return words.join(' ');
}
