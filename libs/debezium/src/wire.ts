import { type ColumnType } from '@elstream/core';
import { type BinaryEncoding } from './cells/binary';
import { type UnitDigits } from './cells/temporal';
import { FieldError } from './field-error';
import { type HandlingModes } from './handling';

/** How one column's values are written in the events. */
export type Wire =
  | { readonly as: 'plain' }
  /** Connect Decimal: base64 of the unscaled integer. */
  | { readonly as: 'decimal'; readonly scale: number }
  /** A struct of scale and value. */
  | { readonly as: 'variable' }
  | { readonly as: 'binary'; readonly encoding: BinaryEncoding }
  /** Bit strings: bytes, lowest bit first. Null: their number is not known. */
  | { readonly as: 'bits'; readonly length: number | null }
  | { readonly as: 'days' }
  | { readonly as: 'units'; readonly digits: UnitDigits }
  | { readonly as: 'iso' }
  /** A label, said by its schema to be one. */
  | { readonly as: 'enum' }
  | { readonly as: 'array'; readonly items: Wire }
  /** Cannot be read without loss. */
  | { readonly as: 'refused'; readonly why: string };

/** A field of a Connect schema as the JSON converter writes it; what is not listed is not needed. */
export interface SchemaField {
  readonly type: string;
  readonly name?: string;
  readonly field?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly fields?: readonly SchemaField[];
  readonly items?: SchemaField;
}

/** Semantic types (CC/data, CC/time) whose JSON form is not that of their literal type. */
const SEMANTIC: Readonly<Record<string, Wire>> = {
  'io.debezium.time.Date': { as: 'days' },
  'org.apache.kafka.connect.data.Date': { as: 'days' },
  'io.debezium.time.Time': { as: 'units', digits: 3 },
  'io.debezium.time.MicroTime': { as: 'units', digits: 6 },
  'io.debezium.time.NanoTime': { as: 'units', digits: 9 },
  'org.apache.kafka.connect.data.Time': { as: 'units', digits: 3 },
  'io.debezium.time.Timestamp': { as: 'units', digits: 3 },
  'io.debezium.time.MicroTimestamp': { as: 'units', digits: 6 },
  'io.debezium.time.NanoTimestamp': { as: 'units', digits: 9 },
  'org.apache.kafka.connect.data.Timestamp': { as: 'units', digits: 3 },
  'io.debezium.time.IsoDate': { as: 'iso' },
  'io.debezium.time.IsoTime': { as: 'iso' },
  'io.debezium.time.IsoTimestamp': { as: 'iso' },
  'io.debezium.time.ZonedTimestamp': { as: 'iso' },
  'io.debezium.time.ZonedTime': { as: 'iso' },
  'io.debezium.time.MicroDuration': { as: 'refused', why: 'is a duration in microseconds, in which months are lost; set interval.handling.mode=string' },
};

/** By the schema that the event carries. Text forms of binary say nothing of their kind there: the setting does. */
export function wireOfSchema(schema: SchemaField, type: ColumnType, { handling, native }: WireContext): Wire {
  const name = schema.name ?? '';
  const semantic = SEMANTIC[name];
  if (semantic !== undefined) return semantic;
  if (name.startsWith('io.debezium.time.Structured')) return { as: 'refused', why: 'is a structured time; set time.precision.mode=isostring' };
  if (name === 'org.apache.kafka.connect.data.Decimal') {
    const scale = schema.parameters?.['scale'];
    return scale !== undefined && /^-?\d+$/.test(scale) ? { as: 'decimal', scale: Number(scale) } : { as: 'refused', why: 'has a decimal schema without a scale' };
  }
  if (name === 'io.debezium.data.Enum') return { as: 'enum' };
  if (name === 'io.debezium.data.Bits') return { as: 'bits', length: bitLength(schema.parameters?.['length'] ?? native) };
  if (schema.type === 'array') return { as: 'array', items: schema.items === undefined ? { as: 'plain' } : wireOfSchema(schema.items, type, { handling, native }) };
  if (schema.type === 'map') return { as: 'refused', why: 'is a map; set hstore.handling.mode=json and carry it as text, or leave the column out' };
  if (schema.type === 'bytes') return { as: 'binary', encoding: 'base64' };
  if (schema.type === 'string' && type.kind === 'binary') return { as: 'binary', encoding: encodingOf(handling) };
  return { as: 'plain' };
}

export interface WireContext {
  readonly handling: HandlingModes;
  /** The source's own spelling of the type. */
  readonly native: string;
}

/** Without schemas: by the column's type and the connector's settings. */
export function wireOfHandling(type: ColumnType, context: WireContext): Wire {
  const { handling, native } = context;
  switch (type.kind) {
    case 'decimal':
      if (handling.decimal !== 'precise') return { as: 'plain' };
      return type.scale === null ? { as: 'variable' } : { as: 'decimal', scale: sentScale(type.scale) };
    case 'binary':
      return { as: 'binary', encoding: encodingOf(handling) };
    case 'date':
      return handling.time === 'isostring' ? { as: 'iso' } : { as: 'days' };
    case 'time':
      return type.zone || handling.time === 'isostring' ? { as: 'iso' } : { as: 'units', digits: timeUnit(handling, precisionOf(native)) };
    case 'timestamp':
      return type.zone || handling.time === 'isostring' ? { as: 'iso' } : { as: 'units', digits: timestampUnit(handling, precisionOf(native)) };
    case 'other':
      return wireOfOther(context);
    case 'boolean':
    case 'integer':
    case 'float':
    case 'text':
    case 'uuid':
    case 'json':
      return { as: 'plain' };
  }
  (type) satisfies never;
  return { as: 'plain' };
}

/**
 * PostgreSQL keeps a scale in eleven bits with a sign, which Debezium reads without one: -3 is 2045 in its schemas, and the
 * unscaled integer of 12346000 has 2045 zeros more. Cut off by `atScale`. SQL Server has no negative scales.
 */
function sentScale(declared: number): number {
  return declared < 0 ? declared + 2048 : declared;
}

function wireOfOther({ handling, native }: WireContext): Wire {
  if (/^bit(?: varying|\b)/i.test(native) && !/\]$/.test(native)) {
    const length = bitLength(native);
    return length === 1 ? { as: 'plain' } : { as: 'bits', length: /varying/i.test(native) ? null : length };
  }
  if (/^money$/i.test(native) && handling.decimal === 'precise') return { as: 'decimal', scale: 2 };
  if (/^(?:hierarchyid|rowversion|timestamp|geometry|geography)$/i.test(native)) return { as: 'binary', encoding: encodingOf(handling) };
  return { as: 'plain' };
}

function bitLength(text: string): number | null {
  if (/^bit$/i.test(text)) return 1;
  const digits = /\d+/.exec(text)?.[0];
  const length = Number(digits);
  // A bit varying without a limit has Integer.MAX_VALUE here.
  return digits === undefined || length > 100_000 ? null : length;
}

export function encodingOf({ binary }: HandlingModes): BinaryEncoding {
  return binary === 'bytes' ? 'base64' : binary;
}

/** Digits of a second's fraction that a type holds, by its spelling: SQL Server's types default to 7, PostgreSQL's to 6. */
export function precisionOf(native: string): number {
  const said = /\(\s*(\d+)\s*\)/.exec(native)?.[1];
  if (said !== undefined) return Number(said);
  if (/^(?:datetime|smalldatetime)$/i.test(native.trim())) return 3;
  if (/^(?:datetime2|datetimeoffset|time)$/i.test(native.trim())) return 7;
  return 6;
}

function timeUnit({ time }: HandlingModes, precision: number): UnitDigits {
  switch (time) {
    case 'adaptive':
      return adaptive(precision);
    case 'adaptive_time_microseconds':
    case 'microseconds':
      return 6;
    case 'connect':
      return 3;
    case 'nanoseconds':
      return 9;
    case 'isostring':
      throw new FieldError('DEBEZIUM_TYPE', 'has no unit in isostring mode');
  }
  time satisfies never;
  return 6;
}

function timestampUnit(handling: HandlingModes, precision: number): UnitDigits {
  return handling.time === 'adaptive_time_microseconds' ? adaptive(precision) : timeUnit(handling, precision);
}

function adaptive(precision: number): UnitDigits {
  return precision <= 3 ? 3 : precision <= 6 ? 6 : 9;
}
