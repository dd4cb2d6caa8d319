import { type ColumnType } from '@elstream/core';
import { type Connector, type DecoderOptions, type HandlingModes } from './handling';
import { precisionOf } from './wire';

interface Column {
  readonly type: ColumnType;
  readonly native: string;
  readonly connector: Connector;
  readonly handling: HandlingModes;
}

/** Types of which Debezium 3.6 sends too little, whatever its settings (proven by recorded-types.kafka.spec.ts). */
const UNSENT: readonly (readonly [RegExp, string])[] = [
  [/^(?:bit varying|varbit)\b/, 'is a bit string of varying length, whose length Debezium does not send; leave the column out'],
  [/^(?:time(?:\(\d\))? with time zone|timetz(?:\(\d\))?)$/, 'is a time with time zone, whose offset Debezium does not send; leave the column out'],
  [/(?:^|\.)hstore$/i, 'is an hstore, whose own text Debezium does not send; leave the column out'],
  [/^(?:int2vector|oidvector)$/, 'is a type whose values stop Debezium; leave the column out'],
  // Enums, composites, domains over numeric; citext and ltree it knows as elements, too.
  [/^(?!.*\.(?:citext|ltree)\[\]$).+\..+\[\]$/, "is an array of a type of the source's own, whose values stop Debezium; leave the column out"],
];

/** Why values of a column cannot be had without loss from a PostgreSQL connector with these settings; null: they can. */
export function refusalOf({ type, native, connector, handling }: Column): string | null {
  if (connector !== 'postgresql') return null;
  const unsent = unsentOf(native);
  if (unsent !== null) return unsent;
  const isTime = type.kind === 'time' || (type.kind === 'timestamp' && !type.zone);
  if (isTime && handling.time === 'connect' && precisionOf(native) > 3) return 'holds microseconds, of which time.precision.mode=connect keeps milliseconds; set it to microseconds';
  if (type.kind === 'decimal' && handling.decimal === 'double' && (type.precision === null || type.precision > 15)) return 'is a decimal of more than 15 digits, of which decimal.handling.mode=double loses some; set it to string';
  return null;
}

/** Elements of an array are as little sent as single values. */
function unsentOf(native: string): string | null {
  const element = native.replace(/(?:\[\])+$/, '');
  return UNSENT.find(([pattern]) => pattern.test(native) || pattern.test(element))?.[1] ?? null;
}

export interface RefusedColumn {
  readonly column: string;
  /** As the source spells its type. */
  readonly native: string;
  /** Goes on "column c of t (type)", remedy included. */
  readonly why: string;
}

/**
 * What planning refuses by name (R1): the columns of a table that its connector would carry with loss, or that would stop
 * it, with the remedy. The decoder makes poison of their values; here also those of which only some values are lost.
 * The type of a domain is seen through where the warehouse column has it.
 */
export function refusedColumns({ mapping, natives, connector, handling }: DecoderOptions): RefusedColumn[] {
  if (connector !== 'postgresql') return [];
  return mapping.columns.flatMap(({ source, type, targetType }, index) => {
    const native = natives[index] ?? '';
    const why = refusalOf({ type, native, connector, handling }) ?? unsentOf(targetType.replace(/^pg_catalog\./, '')) ?? partlyLost(type, { connector, handling });
    return why === null ? [] : [{ column: source, native, why }];
  });
}

function partlyLost(type: ColumnType, { connector, handling }: Pick<Column, 'connector' | 'handling'>): string | null {
  if (connector !== 'postgresql') return null;
  if (type.kind === 'binary' && handling.binary.startsWith('base64')) return `is a bytea, of which binary.handling.mode=${handling.binary} writes an unchanged toasted value as NULL; set it to bytes`;
  if (type.kind === 'time' && handling.time === 'isostring') return 'is a time, of which time.precision.mode=isostring writes 24:00:00 as 00:00:00; set it to microseconds';
  // Not for the decoder to find: what is outside is NULL in the event.
  if (type.kind === 'timestamp' && !type.zone && handling.time === 'nanoseconds') return 'is a timestamp, which time.precision.mode=nanoseconds holds from 1677 to 2262 only; set it to microseconds';
  return type.kind === 'decimal' && handling.decimal === 'precise' ? 'is a decimal, whose NaN and unchanged toasted values stop Debezium with decimal.handling.mode=precise, which strips zeros too where no scale is declared; set it to string' : null;
}
