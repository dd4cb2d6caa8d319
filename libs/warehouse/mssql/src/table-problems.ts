import { type ColumnType } from '@elstream/core';
import { bracketTable, knownMssqlType, t, type TSql } from '@elstream/database';
import { readRelation, wantedColumn, type Relation } from './catalog';
import { BEGIN_COLUMN, CHANGE_COLUMN } from './history/archive';
import { archiveLines, archiveNameProblems } from './history/ddl';
import { EPOCH_COLUMN, POSITION_COLUMN, POSITION_TYPE, type EntityColumn, type Target } from './target';

/** What stands under a name, and what forbids writing there. `@name`: quoted. */
export const OBJECT_SQL = `SELECT o.object_id AS id, RTRIM(o.[type]) AS kind FROM sys.objects AS o WHERE o.object_id = OBJECT_ID(@name);`;

/** What forbids writing to a table (R6), as the name of what stands in the way. `@id`: its object_id. */
export const CONSTRAINTS_SQL = `SELECT CONCAT(N'foreign key ', f.[name]) AS what FROM sys.foreign_keys AS f WHERE f.parent_object_id = @id
UNION ALL SELECT CONCAT(N'foreign key ', f.[name], N' of ', OBJECT_SCHEMA_NAME(f.parent_object_id), N'.', OBJECT_NAME(f.parent_object_id), N' refers to it') FROM sys.foreign_keys AS f WHERE f.referenced_object_id = @id AND f.parent_object_id <> @id
UNION ALL SELECT CONCAT(N'unique index ', i.[name]) FROM sys.indexes AS i WHERE i.object_id = @id AND i.is_unique = 1 AND i.is_primary_key = 0
UNION ALL SELECT CONCAT(N'trigger ', g.[name]) FROM sys.triggers AS g WHERE g.parent_id = @id
UNION ALL SELECT DISTINCT CONCAT(N'indexed view ', OBJECT_SCHEMA_NAME(v.object_id), N'.', v.[name], N' of it, which has a unique index') FROM sys.views AS v JOIN sys.indexes AS i ON i.object_id = v.object_id AND i.is_unique = 1
          JOIN sys.sql_expression_dependencies AS d ON d.referencing_id = v.object_id WHERE d.referenced_id = @id
UNION ALL SELECT N'system versioning' FROM sys.tables AS s WHERE s.object_id = @id AND s.temporal_type <> 0
UNION ALL SELECT N'memory optimisation' FROM sys.tables AS s WHERE s.object_id = @id AND s.is_memory_optimized = 1
UNION ALL SELECT CONCAT(N'row level security by ', p.[name]) FROM sys.security_policies AS p JOIN sys.security_predicates AS q ON q.object_id = p.object_id WHERE q.target_object_id = @id;`;

/** Columns of the primary key, in its order. Its index has the constraint's name. */
export const PRIMARY_KEY_SQL = `SELECT i.[name] AS [constraint], c.[name] AS [name] FROM sys.indexes AS i
  JOIN sys.index_columns AS x ON x.object_id = i.object_id AND x.index_id = i.index_id JOIN sys.columns AS c ON c.object_id = x.object_id AND c.column_id = x.column_id
 WHERE i.object_id = @id AND i.is_primary_key = 1 AND x.key_ordinal > 0 ORDER BY x.key_ordinal;`;

/** Code pages of a table's columns of text, and the database's; 65001 is UTF-8. */
export const CODE_PAGES_SQL = `SELECT c.[name] AS [name], c.collation_name AS [collation], CONVERT(int, COLLATIONPROPERTY(c.collation_name, 'CodePage')) AS page,
       CONVERT(int, COLLATIONPROPERTY(CONVERT(nvarchar(128), DATABASEPROPERTYEX(DB_NAME(), 'Collation')), 'CodePage')) AS [database]
  FROM sys.columns AS c WHERE c.object_id = @id AND c.collation_name IS NOT NULL;`;

/** Rights to create what is not there. */
export const RIGHTS_SQL = `SELECT CASE WHEN SCHEMA_ID(@schema) IS NULL THEN HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'CREATE SCHEMA') ELSE HAS_PERMS_BY_NAME(QUOTENAME(@schema), N'SCHEMA', N'ALTER') END AS [schema],
       HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'CREATE TABLE') AS [table], HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'CREATE FUNCTION') AS [function];`;

/** What forbids writing to an existing table of this name (R6). Empty when it does not exist or is as we would make it. */
export async function targetProblems(sql: TSql, target: Target): Promise<string[]> {
  const history = [...archiveNameProblems(target), ...(await archiveProblems(sql, target))];
  const [found] = await sql.rows<{ id: number; kind: string }>(OBJECT_SQL, { name: t.nvarchar(target.sql, 600) });
  if (found === undefined) return [...typeProblems(target), ...(await missingProblems(sql, target)), ...history];
  const name = `${target.sql} in the warehouse`;
  const relation = found.kind === 'U' ? await readRelation(sql, target.table) : null;
  if (relation === null) return [`${name} is not an ordinary table; rename it, or give table ${target.mapping.id} another target`, ...history];
  return [...columnProblems(target, relation, name), ...(await codePageProblems(sql, target, relation.id, name)), ...(await constraintProblems(sql, target, relation, name)), ...history];
}

const UTF8 = 65_001;

/**
 * Texts are held to the database's code page before they are written, and parked if it lacks a character of theirs
 * (`StagedColumn.misfit`). A column of another code page would then lose characters without a word, unless that has all of them.
 */
async function codePageProblems(sql: TSql, target: Target, id: number, name: string): Promise<string[]> {
  const held = new Map(target.columns.filter(isOfCodePage).map((column) => [column.name, column]));
  if (held.size === 0) return [];
  const found = await sql.rows<{ name: string; collation: string; page: number | null; database: number | null }>(CODE_PAGES_SQL, { id: t.int(id) });
  return found.flatMap((have) => {
    const column = held.get(have.name);
    if (column === undefined || have.page === UTF8 || have.page === have.database) return [];
    return [
      `${name}: column ${have.name} is ${column.type} of the collation ${have.collation}, whose code page is not the database's, so that characters would be lost when texts are written to it; alter it to nvarchar, also by columns.type of table ${target.mapping.id}, or to the database's collation or one whose name ends in _UTF8`,
    ];
  });
}

/** Not Unicode, and what comes from the source may be more than ASCII, which every code page has. */
function isOfCodePage({ type, kind }: Pick<EntityColumn, 'type' | 'kind'>): boolean {
  const known = knownMssqlType(type);
  return known?.of === 'text' && !known.unicode && known.collation === null && !isAscii(kind);
}

function isAscii({ kind }: ColumnType): boolean {
  switch (kind) {
    case 'boolean':
    case 'integer':
    case 'decimal':
    case 'float':
    case 'binary':
    case 'uuid':
    case 'date':
    case 'time':
    case 'timestamp':
      return true;
    case 'text':
    case 'json':
    case 'other':
      return false;
  }
  kind satisfies never;
  return false;
}

/** Types that the server would not take, or not as a key. */
function typeProblems(target: Target): string[] {
  const problems: string[] = [];
  for (const column of target.columns) {
    const type = knownMssqlType(column.type);
    if (type === null) problems.push(`column ${column.name} of ${target.mapping.id} would be ${column.type} in the warehouse, which elstream cannot write there; give it another type by columns.type`);
    else if (!column.nullable && type.of === 'xml') problems.push(`column ${column.name} of ${target.mapping.id} belongs to its key and would be ${type.name} in the warehouse, which no key can be; give the table another key`);
  }
  return problems;
}

async function missingProblems(sql: TSql, target: Target): Promise<string[]> {
  const [right] = await sql.rows<{ schema: number | null; table: number | null; function: number | null }>(RIGHTS_SQL, { schema: t.nvarchar(target.table.schema, 128) });
  const missing = [
    ...(right?.schema === 1 ? [] : [`ALTER on the schema ${target.table.schema} (CREATE SCHEMA, if it does not exist)`]),
    ...(right?.table === 1 ? [] : ['CREATE TABLE']),
    ...(target.archive === null || right?.function === 1 ? [] : ['CREATE FUNCTION']),
  ];
  return missing.length === 0 ? [] : [`the warehouse user may not create ${target.sql}; grant ${missing.join(', ')}`];
}

function columnProblems(target: Target, relation: Relation, name: string): string[] {
  const problems: string[] = typeProblems(target);
  const byName = new Map(relation.columns.map((c) => [c.name, c]));
  const own = [
    { name: EPOCH_COLUMN, type: 'int', collation: null },
    { name: POSITION_COLUMN, type: POSITION_TYPE, collation: null },
  ];
  for (const column of [...target.columns.map(wantedColumn), ...own]) {
    const have = byName.get(column.name);
    if (have === undefined) problems.push(`${name} has no column ${column.name}`);
    else if (have.type !== column.type) problems.push(`${name}: column ${column.name} is ${have.type}, expected ${column.type}`);
    else if (column.collation !== null && have.collation !== column.collation) problems.push(`${name}: key column ${column.name} must have COLLATE ${column.collation}`);
    else if (have.unwritable !== null) problems.push(`${name}: column ${column.name} is ${have.unwritable}`);
  }
  const names = new Set([...target.columns.map((c) => c.name), EPOCH_COLUMN, POSITION_COLUMN, BEGIN_COLUMN]);
  // others are left alone: kept from columns that the source has no more, or added by users
  for (const column of relation.columns) if (!names.has(column.name) && !column.nullable && !column.filled) problems.push(`${name} has a column ${column.name} of which the source knows nothing and which is NOT NULL without a default`);
  return problems.map((p) => `${p}; rename or drop that table, or give table ${target.mapping.id} another target`);
}

async function constraintProblems(sql: TSql, target: Target, relation: Relation, name: string): Promise<string[]> {
  const found = await sql.rows<{ what: string }>(CONSTRAINTS_SQL, { id: t.int(relation.id) });
  const key = await readPrimaryKey(sql, relation.id);
  const problems = found.map(({ what }) => `${name}: ${what}; drop it: a warehouse table has no foreign key, no unique constraint but its key, no trigger (changes arrive without order across tables)`);
  const wanted = target.key.map((k) => k.name);
  if (key === null) problems.push(`${name} has no primary key; drop the table and let elstream create it`);
  else if ([...key.columns].sort().join('\0') !== [...wanted].sort().join('\0')) problems.push(`${name} has the primary key (${key.columns.join(', ')}), expected (${wanted.join(', ')}); drop the table and let elstream create it`);
  return problems;
}

export async function readPrimaryKey(sql: TSql, id: number): Promise<{ readonly name: string; readonly columns: readonly string[] } | null> {
  const rows = await sql.rows<{ constraint: string; name: string }>(PRIMARY_KEY_SQL, { id: t.int(id) });
  const [first] = rows;
  return first === undefined ? null : { name: first.constraint, columns: rows.map((r) => r.name) };
}

/** What forbids writing versions to an existing history table. Columns that the source dropped since may stand in it. */
async function archiveProblems(sql: TSql, target: Target): Promise<string[]> {
  const { archive } = target;
  if (archive === null) return [];
  const [found] = await sql.rows<{ id: number; kind: string }>(OBJECT_SQL, { name: t.nvarchar(bracketTable(archive.table), 600) });
  if (found === undefined) return [];
  const name = `the history table ${archive.sql} in the warehouse`;
  const remedy = `; rename or drop that table, or give the history of table ${target.mapping.id} another target`;
  const relation = found.kind === 'U' ? await readRelation(sql, archive.table) : null;
  if (relation === null) return [`${name} is not an ordinary table${remedy}`];
  const standing = new Map(relation.columns.map((c) => [c.name, c]));
  const problems: string[] = [];
  for (const line of archiveNameProblems(target).length > 0 ? [] : archiveLines(archive)) {
    const have = standing.get(line.name);
    const wanted = knownMssqlType(line.type)?.name ?? line.type;
    if (have === undefined && line.name === CHANGE_COLUMN) continue; // made by `createArchive`
    if (have === undefined) problems.push(`${name} has no column ${line.name}`);
    else if (have.type !== wanted) problems.push(`${name}: column ${line.name} is ${have.type}, expected ${wanted}`);
    else if (have.unwritable !== null) problems.push(`${name}: column ${line.name} is ${have.unwritable}`);
  }
  // compared with the target's, and the server compares no texts of two collations
  for (const { name: column, collation } of archive.key) {
    const have = standing.get(column);
    if (collation !== null && have !== undefined && have.collation !== collation) problems.push(`${name}: key column ${column} must have COLLATE ${collation}`);
  }
  for (const { what } of await sql.rows<{ what: string }>(CONSTRAINTS_SQL, { id: t.int(relation.id) })) problems.push(`${name} has ${what}: a row has as many versions as it had changes`);
  if ((await readPrimaryKey(sql, relation.id)) !== null) problems.push(`${name} has a primary key: a row has as many versions as it had changes`);
  return [...problems.map((p) => p + remedy), ...(await codePageProblems(sql, target, relation.id, name))];
}
