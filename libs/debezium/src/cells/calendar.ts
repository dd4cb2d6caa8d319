/** Texts of dates and times of day; proleptic Gregorian calendar, UTC. Pure arithmetic: no `Date`, whose range ends too early. */
export const SECONDS_PER_DAY = 86_400;

const TWO_DIGITS = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0'));

export const two = (n: number): string => TWO_DIGITS[n] ?? String(n);

/** `text` goes before anything else of the value, `era` (empty, or ` BC`) after it. */
export interface DateText {
  readonly text: string;
  readonly era: '' | ' BC';
}

/** Days since 1970-01-01. (Method: years begin in March and are counted in eras of 400, so that every month has a fixed place.) */
export function dateOf(days: number): DateText {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const civilMonth = month < 10 ? month + 3 : month - 9;
  return named(yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0), two(civilMonth), two(day));
}

/** The same in the Julian calendar. (Method: as above, with years of 1461 days in four.) */
export function julianDateOf(days: number): DateText {
  const shifted = days + 719_470;
  const year = Math.floor((4 * shifted + 3) / 1461);
  const dayOfYear = shifted - Math.floor((1461 * year) / 4);
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const civilMonth = month < 10 ? month + 3 : month - 9;
  return named(year + (civilMonth <= 2 ? 1 : 0), two(civilMonth), two(day));
}

/** ISO's year 0 is 1 BC. */
export function named(year: number, month: string, day: string): DateText {
  const text = `${String(year > 0 ? year : 1 - year).padStart(4, '0')}-${month}-${day}`;
  return { text, era: year > 0 ? '' : ' BC' };
}

/** Inverse of `dateOf`. */
export function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468;
}

/** Seconds since midnight, 0 to 86,400 (PostgreSQL's 24:00:00). */
export function clockOf(seconds: number): string {
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** `.340000` without the zeros at its end; nothing where it is zero. `digits` without the point. */
export function fractionOf(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === 0x30) end--;
  return end === 0 ? '' : `.${digits.slice(0, end)}`;
}
