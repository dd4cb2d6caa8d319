import { ElstreamError, type TableMapping } from '@elstream/core';

export type Connector = 'sqlserver' | 'postgresql';
/** `structured` is not read: it is verbose, and `isostring` is as exact. */
export type TimePrecisionMode = 'adaptive' | 'adaptive_time_microseconds' | 'connect' | 'isostring' | 'microseconds' | 'nanoseconds';
export type DecimalHandlingMode = 'precise' | 'string' | 'double';
export type BinaryHandlingMode = 'bytes' | 'base64' | 'base64-url-safe' | 'hex';

/** The connector's settings that decide how values are written; schemas, where events carry them, are believed first. */
export interface HandlingModes {
  readonly time: TimePrecisionMode;
  readonly decimal: DecimalHandlingMode;
  readonly binary: BinaryHandlingMode;
  /** `unavailable.value.placeholder`: printable ASCII, not empty. */
  readonly unavailableValue: string;
}

/** Debezium's own defaults. */
export const DEBEZIUM_DEFAULTS: HandlingModes = { time: 'adaptive', decimal: 'precise', binary: 'bytes', unavailableValue: '__debezium_unavailable_value' };

export interface DecoderOptions {
  readonly mapping: TableMapping;
  /** Per mapped column the source's own spelling of its type (`ColumnSchema.native`), e.g. `datetime2(7)`, `timestamp(3) without time zone`. */
  readonly natives: readonly string[];
  readonly connector: Connector;
  readonly handling: HandlingModes;
}

/** @throws ElstreamError DEBEZIUM_PLAN (refuse) naming the column or setting */
export function checkOptions({ mapping, natives, handling, connector }: DecoderOptions): void {
  const refuse = (message: string, setting?: string): never => {
    throw new ElstreamError('DEBEZIUM_PLAN', 'refuse', message, { place: { table: mapping.id, ...(setting === undefined ? {} : { setting }) } });
  };
  if (natives.length !== mapping.columns.length) refuse(`${mapping.id} has ${String(mapping.columns.length)} columns, the source spells ${String(natives.length)} types; plan the table anew (prepare)`);
  for (const index of mapping.key) {
    const column = mapping.columns[index];
    if (column === undefined || column.mask !== null) refuse(`column ${column?.source ?? String(index)} of ${mapping.id} is masked and a key column; leave its mask out or give the table another key`);
  }
  // PostgreSQL's years outside 1677 to 2262 are NULL in the event, without a word.
  if (connector === 'postgresql' && handling.time === 'nanoseconds') {
    const lost = mapping.columns.find(({ type }) => type.kind === 'timestamp' && !type.zone);
    if (lost !== undefined) refuse(`column ${lost.source} of ${mapping.id} is a timestamp, most years of which time.precision.mode=nanoseconds writes as NULL; set it to microseconds`, 'time.precision.mode');
  }
  if (!/^[\x20-\x7e]+$/.test(handling.unavailableValue) || /["\\]/.test(handling.unavailableValue)) {
    refuse('unavailable.value.placeholder must be printable ASCII without quotes and backslashes', 'unavailable.value.placeholder');
  }
}
