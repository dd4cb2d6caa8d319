import type { TableName } from '@elstream/core';
import { bracketTable, knownMssqlType, nString, t, type TSql } from '@elstream/database';
import type { EntityColumn } from './target';

/** A column as the catalog has it. */
export interface StandingColumn {
  readonly name: string;
  /** As `mssqlType` spells it; of another type, as the catalog does. */
  readonly type: string;
  readonly collation: string | null;
  readonly nullable: boolean;
  /** The server gives it a value where an INSERT gives none. */
  readonly filled: boolean;
  /** What elstream cannot write: `identity`, `computed`, `a period column`; null: it can. */
  readonly unwritable: string | null;
}

/** A table that stands. */
export interface Relation {
  readonly id: number;
  /** Quoted. */
  readonly sql: string;
  readonly columns: readonly StandingColumn[];
  /** Its columns as the catalog has them, as text: what was concluded from them holds while `columnsText` gives the same. */
  readonly fingerprint: string;
}

interface CatalogColumn {
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  readonly precision: number;
  readonly scale: number;
  readonly collation?: string;
  readonly nullable: boolean;
  readonly identity: boolean;
  readonly computed: boolean;
  readonly generated: number;
  readonly default_id: number;
}

/** T-SQL of all columns of a table as one JSON text; NULL: no such table. `name`: an expression of its quoted name. */
export function columnsText(name: string): string {
  return `(SELECT c.column_id AS id, c.[name] AS [name], y.[name] AS [type], c.max_length AS bytes, c.[precision] AS [precision], c.scale AS scale, c.collation_name AS [collation],
        c.is_nullable AS nullable, c.is_identity AS [identity], c.is_computed AS computed, c.generated_always_type AS generated, c.default_object_id AS default_id
   FROM sys.columns AS c JOIN sys.types AS y ON y.user_type_id = c.system_type_id WHERE c.object_id = OBJECT_ID(${name}, N'U') ORDER BY c.column_id FOR JSON PATH)`;
}

export const RELATION_SQL = `SELECT OBJECT_ID(@name, N'U') AS id, ${columnsText('@name')} AS columns;`;

/** Null: there is no such table. */
export async function readRelation(sql: TSql, table: TableName): Promise<Relation | null> {
  const name = bracketTable(table);
  const [found] = await sql.rows<{ id: number | null; columns: string | null }>(RELATION_SQL, { name: t.nvarchar(name, 600) });
  if (found === undefined || found.id === null || found.columns === null) return null;
  return { id: found.id, sql: name, fingerprint: found.columns, columns: (JSON.parse(found.columns) as CatalogColumn[]).map(standingColumn) };
}

/** Inside a transaction: true if the tables are no longer as they were read. Empty `relations`: never. */
export function changedSince(relations: readonly Relation[]): string {
  if (relations.length === 0) return '1 = 0';
  return relations.map((r) => `ISNULL(${columnsText(nString(r.sql))}, N'') COLLATE Latin1_General_100_BIN2 <> ${nString(r.fingerprint)}`).join('\n OR ');
}

/** As `sys.types` calls it; somebody may have added one to a table of ours. */
const ROWVERSION = 'timestamp';

function standingColumn(column: CatalogColumn): StandingColumn {
  return {
    name: column.name,
    type: spelled(column),
    collation: column.collation ?? null,
    nullable: column.nullable,
    filled: column.default_id !== 0 || column.identity || column.computed || column.generated !== 0 || column.type === ROWVERSION,
    unwritable: column.identity ? 'an identity column' : column.computed ? 'a computed column' : column.generated !== 0 ? 'a period column' : column.type === ROWVERSION ? 'a rowversion' : null,
  };
}

/** The type as one would declare it. */
function spelled({ type, bytes, precision, scale }: Pick<CatalogColumn, 'type' | 'bytes' | 'precision' | 'scale'>): string {
  const length = (units: number): string => (bytes < 0 ? 'max' : String(bytes / units));
  const declared = (): string => {
    switch (type) {
      case 'nchar':
      case 'nvarchar':
        return `${type}(${length(2)})`;
      case 'char':
      case 'varchar':
      case 'binary':
      case 'varbinary':
        return `${type}(${length(1)})`;
      case 'decimal':
      case 'numeric':
        return `${type}(${String(precision)},${String(scale)})`;
      case 'datetime2':
      case 'datetimeoffset':
      case 'time':
        return `${type}(${String(scale)})`;
      default:
        return type;
    }
  };
  return knownMssqlType(declared())?.name ?? declared();
}

/** A column as a mapping wants it. */
export interface WantedColumn {
  readonly name: string;
  readonly quoted: string;
  readonly type: string;
  /** Of keys; null: whatever it is. */
  readonly collation: string | null;
  readonly isKey: boolean;
}

export function wantedColumn(column: EntityColumn): WantedColumn {
  return { name: column.name, quoted: column.quoted, type: knownMssqlType(column.type)?.name ?? column.type, collation: column.collation, isKey: !column.nullable };
}
