import type { ISqlType } from 'mssql';
import { ElstreamError, type Cell } from '@elstream/core';
import { asciiText } from './ascii-text';
import { driver } from './driver';
import { encoderOf } from './encode-cell';
import { exactFloat } from './exact-float';
import type { MssqlColumn } from './select-cell';
import { mssqlType, type MssqlType } from './type-name';

/** How the cells of a warehouse column are staged, before the server converts them. */
export interface StagedColumn {
  /** Type of the column in the temporary table. */
  readonly sqlType: string;
  /** The same, for the bulk load. */
  readonly bulkType: ISqlType;
  /**
   * The value that is loaded. What the target could not hold exactly is refused here: CONVERT would round a decimal or a
   * time and cut a text without a word. Throws ElstreamError (park) whose message names the problem, never the value.
   */
  readonly encode: (cell: Cell) => string | number | Buffer | null;
  /**
   * True (SQL predicate over a staged value) for what only the server can tell to be lost: characters that the column's
   * code page does not have would become others. Null: nothing is. Ask before the write, and park what it finds.
   */
  readonly misfit: ((ref: string) => string) | null;
}

/** Bytewise, and said: temporary tables have the collation of tempdb. */
const BYTEWISE = 'Latin1_General_100_BIN2';

/**
 * Every cell is staged as the text it is, but bytes as bytes and floats as floats, which the driver carries without loss.
 * What is ASCII by its type takes a byte a character: a row holds 8,060 bytes (error 511), of which a text that is moved
 * off it keeps 24, and so hundreds of numbers and times in UTF-16 would not fit where the target's row does.
 * @param targetType the warehouse column's, in SQL Server's spelling; a collation may follow it. @throws ElstreamError (refuse) for one that cannot be written
 */
export function stagedColumn(targetType: string): StagedColumn {
  const target = writable(targetType);
  const encode = encoderOf(target);
  if (target.of === 'float') return { sqlType: target.name, bulkType: exactFloat(target.bits), encode, misfit: null };
  if (target.of === 'binary') {
    const { length } = target;
    return length === null
      ? { sqlType: 'varbinary(max)', bulkType: driver().VarBinary(driver().MAX), encode, misfit: null }
      : { sqlType: `varbinary(${String(length)})`, bulkType: driver().VarBinary(length), encode, misfit: null };
  }
  const ascii = asciiLength(target);
  if (ascii !== null) return { sqlType: `varchar(${String(ascii)}) COLLATE ${BYTEWISE}`, bulkType: asciiText(ascii), encode, misfit: null };
  const length = target.of !== 'text' || target.length === null || target.length > 4000 ? null : target.length;
  return {
    sqlType: `nvarchar(${length === null ? 'max' : String(length)}) COLLATE ${BYTEWISE}`,
    bulkType: driver().NVarChar(length ?? driver().MAX),
    encode,
    misfit: target.of === 'text' && !target.unicode ? (ref) => misfit(target, ref) : null,
  };
}

/** Of the longest staged text of a type whose texts are ASCII (`encoderOf` lets no others through); null: they are not. */
function asciiLength(target: MssqlType): number | null {
  switch (target.of) {
    case 'bit':
      return 1;
    case 'integer':
      return 20;
    case 'decimal':
    case 'money':
      return 41;
    case 'uuid':
      return 36;
    case 'date':
      return 10;
    case 'time':
      return 16;
    case 'datetime':
    case 'smalldatetime':
    case 'datetime2':
      return 27;
    case 'datetimeoffset':
      return 37;
    case 'float':
    case 'text':
    case 'binary':
    case 'rowversion':
    case 'xml':
      return null;
  }
  target satisfies never;
  return null;
}

/** There and back gives another text, or its bytes are not those there is room for. */
function misfit(target: Extract<MssqlType, { of: 'text' }>, ref: string): string {
  const collation = target.collation ?? 'DATABASE_DEFAULT';
  const there = `CONVERT(varchar(max), ${ref} COLLATE ${collation})`;
  const differs = `CONVERT(nvarchar(max), ${there}) COLLATE ${BYTEWISE} <> ${ref} COLLATE ${BYTEWISE}`;
  return target.length === null ? `(${differs})` : `(${differs} OR DATALENGTH(${there}) ${target.padded ? '<>' : '>'} ${String(target.length)})`;
}

/** SQL that turns a staged value into exactly the target type. @param ref SQL of the staged column, of `stagedColumn(targetType).sqlType` */
export function cellValue(targetType: string, ref: string): string {
  const target = writable(targetType);
  if (target.of === 'float' || target.of === 'binary') return `CONVERT(${target.name}, ${ref})`;
  // the collation of what is converted decides the code page: the staged column's would be the wrong one
  if (target.of === 'text' && !target.unicode) return `CONVERT(${target.name}, ${ref} COLLATE ${target.collation ?? 'DATABASE_DEFAULT'})`;
  return fromText(target, ref);
}

/**
 * SQL that turns the canonical text of a cell (a parameter, a column of OPENJSON) into exactly the type of a column of
 * SQL Server, so that keys are looked up by its index. `native` may have the column's collation with it, which decides
 * the code page of a varchar; without it, that of `ref` does. A float is read from its shortest text.
 */
export function keyValue({ type, native }: MssqlColumn, ref: string): string {
  const held = mssqlType(native);
  switch (held.of) {
    case 'binary':
    case 'rowversion':
      return `CONVERT(${held.of === 'rowversion' ? 'binary(8)' : held.name}, SUBSTRING(${ref}, 3, 16000), 2)`;
    case 'float':
      return `CONVERT(${held.name}, ${ref})`;
    case 'datetimeoffset':
      return type.kind === 'timestamp' ? `CONVERT(${held.name}, LEFT(${ref}, LEN(${ref}) - 3) + N' +00:00')` : fromText(held, ref);
    default:
      return fromText(held, ref);
  }
}

/** `-05:30` → -330; the sign belongs to hours and minutes. */
const minutesOf = (offset: string): string => `60 * CONVERT(int, LEFT(${offset}, 3)) + CONVERT(int, LEFT(${offset}, 1) + RIGHT(${offset}, 2))`;

function fromText(target: MssqlType, ref: string): string {
  switch (target.of) {
    case 'bit':
      return `CONVERT(bit, CASE ${ref} WHEN N't' THEN 1 WHEN N'f' THEN 0 END)`;
    case 'money':
      return `CONVERT(${target.name}, CONVERT(decimal(19,4), ${ref}))`;
    case 'datetime':
    case 'smalldatetime':
      // by way of datetime2, which reads ISO whatever the session's language; these two would not
      return `CONVERT(${target.name}, CONVERT(datetime2(3), ${ref}, 121))`;
    case 'date':
    case 'time':
    case 'datetime2':
      return `CONVERT(${target.name}, ${ref}, 121)`;
    case 'datetimeoffset':
      // '2018-07-13 01:23:45.456+00 +11:00': the instant, then the offset it is to be shown at, given in minutes
      return `SWITCHOFFSET(CONVERT(${target.name}, LEFT(${ref}, LEN(${ref}) - 10) + N' +00:00', 121), ${minutesOf(`RIGHT(${ref}, 6)`)})`;
    case 'xml':
      // 1: blanks between elements stay
      return `CONVERT(xml, ${ref}, 1)`;
    case 'text':
      return `CONVERT(${target.name}, ${target.collation === null ? ref : `${ref} COLLATE ${target.collation}`})`;
    case 'integer':
    case 'decimal':
    case 'uuid':
      return `CONVERT(${target.name}, ${ref})`;
    case 'float':
    case 'binary':
    case 'rowversion':
      return `CONVERT(${target.name}, ${ref})`;
  }
  target satisfies never;
  return ref;
}

function writable(targetType: string): MssqlType {
  const target = mssqlType(targetType);
  if (target.of === 'rowversion') throw new ElstreamError('TYPE_UNSUPPORTED', 'refuse', 'a rowversion column is written by the server alone; make it binary(8) by columns.type');
  return target;
}
