import { type ColumnType, type EventCell } from '@elstream/core';
import { binaryText, bytesFromBase64 } from './cells/binary';
import { decimalFromBytes, decimalFromText } from './cells/decimal';
import { floatText } from './cells/float';
import { atScale, decimalFromDouble } from './cells/own-text';
import { dateFromDays, dateFromIso, timeFromIso, timeFromUnits, timestampFromIso, timestampFromUnits, type TimestampColumn } from './cells/temporal';
import { FieldError } from './field-error';
import { type Connector, type HandlingModes } from './handling';
import { Token, type JsonScanner } from './json/json-scanner';
import { END, ObjectShape } from './json/object-shape';
import { type Placeholder } from './placeholder';
import { misfit, textOf } from './misfit';
import { otherReader } from './other-reader';
import { refusalOf } from './refusal';
import { precisionOf, type Wire } from './wire';

/**
 * Reads the cell whose first token the scanner has just read with `value()`; NULL is seen to before. Objects and arrays
 * are passed by the reader. @throws FieldError; the scanner may then stand anywhere inside the value
 */
export type CellReader = (scanner: JsonScanner) => EventCell;

export interface CellColumn {
  readonly type: ColumnType;
  readonly native: string;
  readonly wire: Wire;
  readonly connector: Connector;
  readonly handling: HandlingModes;
  readonly placeholder: Placeholder;
}

/** Conversion is by the *column's* type; the wire form says how to read it, and one that does not fit the type is refused. */
export function cellReader(column: CellColumn): CellReader {
  const { type, wire } = column;
  const refusal = wire.as === 'refused' ? wire.why : refusalOf(column);
  if (refusal !== null) {
    return () => {
      throw new FieldError('DEBEZIUM_TYPE', refusal);
    };
  }
  switch (type.kind) {
    case 'boolean':
      return (scanner) => (scanner.kind === Token.True ? 't' : scanner.kind === Token.False ? 'f' : misfit(scanner, 'a boolean'));
    case 'integer':
      return integerReader(type.bits);
    case 'float':
      return (scanner) => (scanner.kind === Token.Number || scanner.kind === Token.String ? floatText(scanner.text(), type.bits) : misfit(scanner, 'a float'));
    case 'decimal':
      return decimalReader(column);
    case 'text':
    case 'json':
      return (scanner) => column.placeholder.hide(textOf(scanner, type.kind));
    case 'uuid':
      return uuidOf;
    case 'binary':
      return binaryReader(column);
    case 'date':
    case 'time':
    case 'timestamp':
      return temporalReader(column);
    case 'other':
      return otherReader(column, cellReader);
  }
  (type) satisfies never;
  return (scanner) => misfit(scanner, 'known');
}

const UUID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

/** SQL Server prints upper case. */
function uuidOf(scanner: JsonScanner): string {
  const text = textOf(scanner, 'a uuid');
  if (!UUID.test(text)) throw new FieldError('DEBEZIUM_VALUE', 'is not a uuid');
  return text.toLowerCase();
}

function integerReader(bits: 16 | 32 | 64): CellReader {
  // Fewer digits than the widest value has: no need to compare.
  const safeLength = { 16: 4, 32: 9, 64: 18 }[bits];
  const limit = 1n << BigInt(bits - 1);
  return (scanner) => {
    if (scanner.kind !== Token.Number || !scanner.whole) return misfit(scanner, 'an integer');
    const text = scanner.text();
    if (text.length > safeLength) {
      const value = BigInt(text);
      if (value >= limit || value < -limit) throw new FieldError('DEBEZIUM_VALUE', `does not fit an integer of ${String(bits)} bits`);
    }
    return text === '-0' ? '0' : text;
  };
}

function decimalReader({ type, wire, connector, handling, placeholder }: CellColumn): CellReader {
  const { precision, scale } = type.kind === 'decimal' ? type : { precision: null, scale: null };
  const isDouble = connector === 'postgresql' && handling.decimal === 'double';
  return (scanner) => {
    if (scanner.kind === Token.Number) return isDouble ? decimalFromDouble(scanner.text(), { precision, scale }) : atScale(decimalFromText(scanner.text()), scale);
    if (scanner.kind === Token.Object) return variableScale(scanner);
    // Base64 and digits can look alike: without a scale no text is taken for either.
    if (scanner.kind !== Token.String || wire.as === 'variable') return misfit(scanner, 'a decimal');
    const text = scanner.text();
    if (wire.as === 'decimal') return placeholder.isBase64(text) ? undefined : atScale(decimalFromBytes(bytesFromBase64(text), wire.scale), scale);
    return placeholder.isText(text) ? undefined : atScale(decimalFromText(text), scale);
  };
}

const SCALE = 0;
const VALUE = 1;
const VARIABLE_SCALE = new ObjectShape(
  new Map([
    ['scale', SCALE],
    ['value', VALUE],
  ]),
);

/** `io.debezium.data.VariableScaleDecimal`: PostgreSQL's numeric without a declared scale. */
function variableScale(scanner: JsonScanner): string {
  scanner.enter();
  let scale: number | null = null;
  let value: string | null = null;
  for (let i = 0, slot; (slot = VARIABLE_SCALE.next(scanner, i)) !== END; i++) {
    if (slot === SCALE && scanner.value() === Token.Number && scanner.whole) scale = Number(scanner.text());
    else if (slot === VALUE && scanner.value() === Token.String) value = scanner.text();
    else throw new FieldError('DEBEZIUM_TYPE', 'is not a decimal of variable scale');
  }
  if (scale === null || value === null) throw new FieldError('DEBEZIUM_TYPE', 'is not a decimal of variable scale');
  return decimalFromBytes(bytesFromBase64(value), scale);
}

function binaryReader({ wire, placeholder }: CellColumn): CellReader {
  if (wire.as !== 'binary') return (scanner) => misfit(scanner, 'binary');
  const { encoding } = wire;
  return (scanner) => {
    const text = textOf(scanner, 'binary');
    // In hex mode it is not encoded.
    return placeholder.isText(text) || placeholder.isEncoded(text, encoding) ? undefined : binaryText(text, encoding);
  };
}

function temporalReader({ type, wire, native, connector }: CellColumn): CellReader {
  const read = temporalText(type, wire, { zone: 'zone' in type && type.zone, precision: precisionOf(native), wraps: connector === 'sqlserver' });
  const asText = wire.as === 'iso';
  const midnight = type.kind === 'time' && asText && connector === 'postgresql' ? '00:00:00' : null;
  const what = `${type.kind} as the settings have it (time.precision.mode)`;
  return (scanner) => {
    if (read === null || (asText ? scanner.kind !== Token.String : scanner.kind !== Token.Number)) return misfit(scanner, what);
    const text = read(scanner.text());
    if (text === midnight) throw new FieldError('DEBEZIUM_VALUE', 'is 00:00:00, as which Debezium writes 24:00:00 too; set time.precision.mode=microseconds');
    return text;
  };
}

function temporalText(type: ColumnType, wire: Wire, column: TimestampColumn): ((text: string) => string) | null {
  switch (type.kind) {
    case 'date':
      return wire.as === 'days' ? dateFromDays : wire.as === 'iso' ? dateFromIso : null;
    case 'time':
      if (wire.as === 'iso') return (text) => timeFromIso(text, type.zone);
      return wire.as === 'units' ? (text) => timeFromUnits(text, wire.digits) : null;
    case 'timestamp':
      if (wire.as === 'iso') return (text) => timestampFromIso(text, type.zone);
      return wire.as === 'units' ? (text) => timestampFromUnits(text, wire.digits, column) : null;
    default:
      return null;
  }
}
