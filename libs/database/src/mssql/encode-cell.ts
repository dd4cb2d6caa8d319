import { ElstreamError, floatText, isWellFormed, type Cell } from '@elstream/core';
import type { MssqlType } from './type-name';

export type Encoded = string | number | Buffer;
type Encode = (cell: string) => Encoded;

/**
 * Cells of any source as the staged values of a SQL Server column; a cell that the column could not give back as it is
 * is refused. Years before 1 and after 9999, infinities and NaN are PostgreSQL's alone.
 */
export function encoderOf(target: MssqlType): (cell: Cell) => Encoded | null {
  const encode = encoder(target);
  return (cell) => (cell === null ? null : encode(cell));
}

function encoder(target: MssqlType): Encode {
  switch (target.of) {
    case 'bit':
      return (cell) => (cell === 't' || cell === 'f' ? cell : unfit(target, 'is no boolean'));
    case 'integer':
      return (cell) => integer(target, cell);
    case 'decimal':
      return (cell) => decimal(target, cell);
    case 'money':
      return (cell) => money(target, cell);
    case 'float':
      return (cell) => float(target, cell);
    case 'text':
      return (cell) => text(target, cell);
    case 'xml':
      return (cell) => (isWellFormed(cell) ? cell : unfit(target, 'holds half of a surrogate pair, which is no Unicode character'));
    case 'binary':
      return (cell) => bytes(target, cell);
    case 'rowversion':
      return () => unfit(target, 'is written by the server alone');
    case 'uuid':
      return (cell) => (UUID.test(cell) ? cell : unfit(target, 'is no uuid'));
    case 'date':
      return (cell) => date(target, cell);
    case 'time':
      return (cell) => time(target, cell);
    case 'datetime':
    case 'smalldatetime':
    case 'datetime2':
      return (cell) => timestamp(target, cell);
    case 'datetimeoffset':
      return (cell) => zoned(target, cell);
  }
}

/** A value that this column cannot hold. The message never has it (R10). */
function unfit({ name }: MssqlType, problem: string): never {
  throw new ElstreamError('VALUE_UNFIT', 'park', `a value for a column of type ${name} ${problem}; correct it, or choose a type that holds it by columns.type`);
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function integer(target: Extract<MssqlType, { of: 'integer' }>, cell: string): string {
  if (!/^-?\d{1,20}$/.test(cell)) return unfit(target, 'is no integer');
  const value = BigInt(cell);
  return value >= target.min && value <= target.max ? cell : unfit(target, 'is out of its range');
}

interface Digits {
  readonly minus: string;
  /** Without zeros before it. */
  readonly whole: string;
  /** Without zeros behind it. */
  readonly fraction: string;
}

function digitsOf(target: MssqlType, cell: string): Digits {
  const parts = /^(-?)(\d+)(?:\.(\d+))?$/.exec(cell);
  if (parts === null) return unfit(target, /^(?:NaN|-?Infinity)$/.test(cell) ? 'is NaN or an infinity, which SQL Server does not have' : 'is no plain decimal');
  return { minus: parts[1] ?? '', whole: (parts[2] ?? '').replace(/^0+/, ''), fraction: (parts[3] ?? '').replace(/0+$/, '') };
}

/** CONVERT would round. */
function decimal(target: Extract<MssqlType, { of: 'decimal' }>, cell: string): string {
  const { minus, whole, fraction } = digitsOf(target, cell);
  if (fraction.length > target.scale) return unfit(target, 'has more digits after the point');
  if (whole.length > target.precision - target.scale) return unfit(target, 'has more digits before the point');
  return spelled(minus, whole, fraction);
}

function money(target: Extract<MssqlType, { of: 'money' }>, cell: string): string {
  const { minus, whole, fraction } = digitsOf(target, cell);
  if (fraction.length > 4) return unfit(target, 'has more than four digits after the point');
  if (whole.length > 15) return unfit(target, 'is out of its range');
  const units = BigInt(whole + fraction.padEnd(4, '0'));
  return units <= (minus === '' ? target.max : target.max + 1n) ? spelled(minus, whole, fraction) : unfit(target, 'is out of its range');
}

function spelled(minus: string, whole: string, fraction: string): string {
  return `${minus}${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`;
}

const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;

function float(target: Extract<MssqlType, { of: 'float' }>, cell: string): number {
  const value = Number(cell);
  if (!NUMBER.test(cell)) return unfit(target, /^(?:NaN|-?Infinity)$/.test(cell) ? 'is NaN or an infinity, which SQL Server does not have' : 'is no number');
  if (!Number.isFinite(target.bits === 32 ? Math.fround(value) : value)) return unfit(target, 'is out of its range');
  if (target.bits === 64) return value;
  const narrow = Math.fround(value);
  // a shortest text of 32 bits comes back as itself; one of 64 bits only if nothing is lost
  return narrow === value || floatText(narrow, 32) === cell ? narrow : unfit(target, 'has more digits than four bytes hold');
}

function text(target: Extract<MssqlType, { of: 'text' }>, cell: string): string {
  if (!isWellFormed(cell)) return unfit(target, 'holds half of a surrogate pair, which is no Unicode character');
  // of a code page: at least one byte each; the server tells the rest
  if (target.length !== null && cell.length > target.length) return unfit(target, 'is longer');
  return target.unicode && target.padded && cell.length !== target.length ? unfit(target, 'is shorter and would be filled up with blanks') : cell;
}

function bytes(target: Extract<MssqlType, { of: 'binary' }>, cell: string): Buffer {
  if (!/^\\x(?:[0-9a-f]{2})*$/i.test(cell)) return unfit(target, 'is no binary');
  const value = Buffer.from(cell.slice(2), 'hex');
  if (target.length !== null && value.length > target.length) return unfit(target, 'is longer');
  return target.fixed && value.length !== target.length ? unfit(target, 'is shorter and would be filled up with zeros') : value;
}

const DATE = String.raw`(?!0000)\d{4}-\d\d-\d\d`;
const CLOCK = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.(\d{1,7}))?`;
const ONLY_DATE = new RegExp(`^${DATE}$`);
const ONLY_TIME = new RegExp(`^${CLOCK}$`);
const TIMESTAMP = new RegExp(`^${DATE} ${CLOCK}$`);
const ZONED = new RegExp(String.raw`^${DATE} ${CLOCK}\+00( [+-]\d\d:\d\d)?$`);

function date(target: MssqlType, cell: string): string {
  return ONLY_DATE.test(cell) ? cell : unfit(target, whyNoTime(cell, 'is no date'));
}

function time(target: Extract<MssqlType, { of: 'time' }>, cell: string): string {
  const parts = ONLY_TIME.exec(cell);
  if (parts === null) return unfit(target, cell.startsWith('24:') ? 'is 24:00:00, which SQL Server does not have' : /[+-]/.test(cell) ? 'has a zone, which the column does not' : 'is no time of day');
  return exact(target, { cell, fraction: parts[1] }, target.scale);
}

function timestamp(target: Extract<MssqlType, { of: 'datetime' | 'smalldatetime' | 'datetime2' }>, cell: string): string {
  const parts = TIMESTAMP.exec(cell);
  if (parts === null) return unfit(target, /[+-]\d\d(?::\d\d)*$/.test(cell.slice(10)) ? 'has a zone, which the column does not; make it datetimeoffset' : whyNoTime(cell, 'is no timestamp'));
  const fraction = parts[1]?.replace(/0+$/, '') ?? '';
  if (target.of === 'datetime2') return exact(target, { cell, fraction }, target.scale);
  if (target.of === 'datetime') {
    if (cell < '1753') return unfit(target, 'lies before 1753');
    // ticks of 1/300 s print as …0, …3 and …7 ms; every other would be rounded to one of them
    return fraction.length < 3 || (fraction.length === 3 && /[37]$/.test(fraction)) ? cell : unfit(target, 'is none of its ticks of 1/300 s and would be rounded');
  }
  if (cell < '1900' || cell >= '2079-06-07') return unfit(target, 'lies before 1900 or after 2079-06-06');
  return fraction === '' && cell.slice(17, 19) === '00' ? cell : unfit(target, 'has seconds, which would be rounded');
}

/** `…+00 +11:00` as SQL Server's sources give it, or `…+00`, then shown at UTC. */
function zoned(target: Extract<MssqlType, { of: 'datetimeoffset' }>, cell: string): string {
  const parts = ZONED.exec(cell);
  if (parts === null) return unfit(target, /^[\d:. -]+$/.test(cell) ? 'has no zone' : whyNoTime(cell, 'is no timestamp with zone'));
  return exact(target, { cell: parts[2] === undefined ? `${cell} +00:00` : cell, fraction: parts[1] }, target.scale);
}

/** A fraction of more digits than the column has would be rounded. */
function exact(target: MssqlType, { cell, fraction = '' }: { readonly cell: string; readonly fraction: string | undefined }, scale: number): string {
  return fraction.replace(/0+$/, '').length <= scale ? cell : unfit(target, 'has more digits in its fraction');
}

function whyNoTime(cell: string, otherwise: string): string {
  if (/infinity/i.test(cell)) return 'is an infinity, which SQL Server does not have';
  if (cell.endsWith(' BC') || cell.startsWith('0000')) return 'lies before the year 1, SQL Server’s first';
  if (/^\d{5,}-/.test(cell)) return 'lies after the year 9999, SQL Server’s last';
  return otherwise;
}
