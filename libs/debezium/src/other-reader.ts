import { binaryText, bitsText, bytesFromBase64 } from './cells/binary';
import { decimalFromBytes, decimalFromText } from './cells/decimal';
import { floatText } from './cells/float';
import { intervalText } from './cells/interval';
import { decimalFromDouble, moneyText, opaqueText, ownTypeText, shapeText } from './cells/own-text';
import { instantAndOffset } from './cells/temporal';
import { arrayReader } from './array-reader';
import { type CellColumn, type CellReader } from './cell-reader';
import { FieldError } from './field-error';
import { Token, type JsonScanner } from './json/json-scanner';
import { END, ObjectShape } from './json/object-shape';
import { misfit, textOf } from './misfit';
import { type Placeholder } from './placeholder';
import { encodingOf } from './wire';

/** PostgreSQL's types of kind `other` whose text Debezium writes as such; the rest of pg_catalog it does not know. */
const KNOWN = /^(?:oid|"char"|xml|tsvector|inet|cidr|macaddr8?|(?:int4|int8|num|ts|tstz|date)range|interval|bit\b.*)/;
const SHAPES = /^(?:line|lseg|box|path|polygon|circle)$/;
/** Of extensions, in any schema: Debezium writes their text. */
const KNOWN_OF_EXTENSIONS = /(?:^|\.)(?:citext|ltree)$/;

/** Types carried in their lossless text form. @param readerOf for the elements of arrays */
export function otherReader(column: CellColumn, readerOf: (column: CellColumn) => CellReader): CellReader {
  const { wire, native, placeholder, connector } = column;
  if (/\[\]$/.test(native)) return arrayReader(column, readerOf);
  if (connector === 'postgresql') {
    if (native === 'money') return moneyReader(column);
    if (native === 'point') return pointReader(placeholder);
    if (isOpaque(column)) return opaqueReader(column);
  }
  if (connector === 'sqlserver' && /^datetimeoffset\b/i.test(native)) return (scanner) => instantAndOffset(textOf(scanner, 'a timestamp with offset'));
  if (wire.as === 'bits') return bitsReader(wire.length, placeholder);
  if (wire.as === 'binary') return (scanner) => {
    const text = textOf(scanner, 'binary');
    return placeholder.isEncoded(text, wire.encoding) ? undefined : binaryText(text, wire.encoding);
  };
  if (wire.as === 'decimal') return (scanner) => decimalFromBytes(bytesFromBase64(textOf(scanner, 'a decimal')), wire.scale);
  return plainReader(column);
}

/** Not: an enum that its schema names as one. */
function isOpaque({ native, wire }: CellColumn): boolean {
  if (wire.as === 'bits' || wire.as === 'enum' || KNOWN_OF_EXTENSIONS.test(native)) return false;
  return !KNOWN.test(native);
}

/** A schema-qualified native is a type of the source's own. */
function opaqueReader({ native, wire, handling, placeholder }: CellColumn): CellReader {
  const encoding = wire.as === 'binary' ? wire.encoding : encodingOf(handling);
  const own = native.includes('.');
  const isShape = SHAPES.test(native);
  return (scanner) => {
    const text = textOf(scanner, 'the text of its type');
    if (placeholder.isText(text) || placeholder.isEncoded(text, encoding)) return undefined;
    if (own) return ownTypeText(text, encoding);
    const decoded = opaqueText(text, encoding);
    return isShape ? shapeText(decoded) : decoded;
  };
}

/** 15 digits, two of them cents. */
const EXACT_AMOUNT = 1e13;

function moneyReader({ wire }: CellColumn): CellReader {
  return (scanner) => {
    if (scanner.kind === Token.Number) {
      const amount = scanner.text();
      if (Math.abs(Number(amount)) >= EXACT_AMOUNT) throw new FieldError('DEBEZIUM_VALUE', 'is more money than a double holds to the cent; set decimal.handling.mode=string');
      return moneyText(decimalFromDouble(amount, { precision: 15, scale: 2 }));
    }
    const text = textOf(scanner, 'an amount of money');
    return moneyText(wire.as === 'decimal' ? decimalFromBytes(bytesFromBase64(text), wire.scale) : decimalFromText(text));
  };
}

const X = 0;
const Y = 1;
const POINT = new ObjectShape(
  new Map([
    ['x', X],
    ['y', Y],
  ]),
);

/** `io.debezium.data.geometry.Point`: numbers, and what JSON has no number for in quotes. */
function pointReader(placeholder: Placeholder): CellReader {
  return (scanner) => {
    if (scanner.kind === Token.String && placeholder.isText(scanner.text())) return undefined;
    if (scanner.kind !== Token.Object) return misfit(scanner, 'a point');
    scanner.enter();
    const at: (string | null)[] = [null, null];
    for (let i = 0, slot; (slot = POINT.next(scanner, i)) !== END; i++) {
      if (slot < 0) scanner.skip();
      else at[slot] = coordinate(scanner);
    }
    if (at[X] === null || at[Y] === null) throw new FieldError('DEBEZIUM_TYPE', 'is not a point');
    return `(${at.join(',')})`;
  };
}

function coordinate(scanner: JsonScanner): string | null {
  const token = scanner.value();
  return token === Token.Number || token === Token.String ? floatText(scanner.text(), 64) : null;
}

function bitsReader(length: number | null, placeholder: Placeholder): CellReader {
  return (scanner) => {
    const text = textOf(scanner, 'a bit string');
    if (placeholder.isBase64(text)) return undefined;
    if (length === null) throw new FieldError('DEBEZIUM_TYPE', 'is a bit string of varying length, which Debezium does not send; leave the column out');
    return bitsText(bytesFromBase64(text), length);
  };
}

function plainReader({ native, placeholder }: CellColumn): CellReader {
  const isBit = /^bit/i.test(native);
  const isInterval = /^interval/i.test(native);
  return (scanner) => {
    switch (scanner.kind) {
      case Token.String: {
        const text = scanner.text();
        if (placeholder.isText(text)) return undefined;
        return isInterval ? intervalText(text) : text;
      }
      case Token.Number:
        if (isInterval) throw new FieldError('DEBEZIUM_TYPE', 'is a duration in microseconds, in which months are lost; set interval.handling.mode=string');
        return scanner.whole ? scanner.text() : misfit(scanner, 'a text');
      case Token.True:
        return isBit ? '1' : 't';
      case Token.False:
        return isBit ? '0' : 'f';
      case Token.Null:
        return null;
      case Token.Object:
      case Token.Array:
        return misfit(scanner, 'a text');
    }
  };
}
