/**
 * What a general parser of SQL lets pass although SQL Server does not, told from its syntax tree; and rules of our own for
 * statements that write. The names are those of the parser's tree (sqlparser, dialect mssql).
 */

type Node = Readonly<Record<string, unknown>>;
type Rule = (node: Node, say: (problem: string) => void) => void;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);
const isSet = (value: unknown): boolean => value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0);

/** Functions of T-SQL that are documented for SQL Server 2019 and earlier; in capitals. */
const FUNCTIONS = new Set(
  `ABS APP_NAME AVG CAST CEILING CHAR CHARINDEX CHECKSUM_AGG COALESCE COL_LENGTH COL_NAME COLLATIONPROPERTY COLUMNPROPERTY CONCAT CONCAT_WS CONVERT COUNT COUNT_BIG CURRENT_TIMESTAMP CURRENT_TRANSACTION_ID DATABASEPROPERTYEX
   DATABASE_PRINCIPAL_ID DATALENGTH DATEADD DATEDIFF DATEDIFF_BIG DATEFROMPARTS DATENAME DATEPART DATETIMEOFFSETFROMPARTS DB_ID DB_NAME DENSE_RANK ERROR_MESSAGE ERROR_NUMBER EXISTS FIRST_VALUE FLOOR FORMATMESSAGE
   GETDATE GETUTCDATE HAS_DBACCESS HAS_PERMS_BY_NAME HASHBYTES HOST_NAME IDENT_CURRENT IIF INDEX_COL INDEXPROPERTY IS_MEMBER IS_ROLEMEMBER IS_SRVROLEMEMBER ISDATE ISJSON ISNULL ISNUMERIC JSON_MODIFY JSON_QUERY JSON_VALUE LAG LAST_VALUE LEAD
   LEFT LEN LOG LOWER LTRIM MAX MIN NCHAR NEWID NTILE NULLIF OBJECT_DEFINITION OBJECT_ID OBJECT_NAME OBJECT_SCHEMA_NAME OBJECTPROPERTY OBJECTPROPERTYEX OPENJSON ORIGINAL_LOGIN PARSENAME PATINDEX POWER
   QUOTENAME RANK REPLACE REPLICATE REVERSE RIGHT ROUND ROW_NUMBER RTRIM SCHEMA_ID SCHEMA_NAME SCOPE_IDENTITY SERVERPROPERTY SESSIONPROPERTY SIGN SPACE STDEV STR STRING_AGG STRING_ESCAPE STRING_SPLIT STUFF
   SUBSTRING SUM SUSER_ID SUSER_NAME SUSER_SNAME SWITCHOFFSET SYSDATETIME SYSDATETIMEOFFSET SYSUTCDATETIME TODATETIMEOFFSET TRANSLATE TRIM TRY_CAST TRY_CONVERT TYPE_ID TYPE_NAME TYPEPROPERTY UNICODE UPPER USER_ID USER_NAME XACT_STATE`.split(/\s+/),
);

/** Data types as the tree names them. */
const TYPES = new Set(
  `BigInt Binary Bit Char Character Custom Date Datetime Decimal Float Int Money NVarchar Nvarchar Nchar Numeric Real SmallInt Time TinyInt Varbinary Varchar DoublePrecision Table`.split(/\s+/).map((name) => name.toLowerCase()),
);
const CUSTOM_TYPES = new Set(
  `DATETIME2 DATETIMEOFFSET HIERARCHYID IMAGE MONEY NCHAR NTEXT NVARCHAR ROWVERSION SMALLDATETIME SMALLMONEY SQL_VARIANT SYSNAME TEXT TIMESTAMP UNIQUEIDENTIFIER VARBINARY XML`.split(/\s+/),
);
/** Types of the tree that other products' names give. */
const FOREIGN_TYPES = new Set('array bool boolean bytea blob clob enum hstore int2 int4 int8 float4 float8 json jsonb interval regclass serial string timestamp timestampntz uuid unsigned uint mediumint varbit struct map'.split(' '));

const FOREIGN_OPERATORS = new Set(['StringConcat', 'Arrow', 'LongArrow', 'HashArrow', 'AtArrow', 'ArrowAt', 'PGRegexMatch', 'PGRegexIMatch', 'PGLikeMatch', 'Spaceship', 'DuckIntegerDivide', 'MyIntegerDivide', 'Question']);

const RULES: Readonly<Record<string, Rule>> = {
  Cast: ({ kind }, say) => {
    if (kind === 'DoubleColon') say('the cast :: is PostgreSQL’s; write CONVERT');
  },
  Interval: (_, say) => say('there are no intervals; write DATEADD'),
  ILike: (_, say) => say('there is no ILIKE'),
  SimilarTo: (_, say) => say('there is no SIMILAR TO'),
  RLike: (_, say) => say('there is no RLIKE'),
  Identifier: ({ value, quote_style }, say) => {
    if (!isSet(quote_style) && /^(?:true|false)$/i.test(String(value))) say('there are no TRUE and FALSE; write 1 and 0 of type bit');
  },
  Array: (_, say) => say('there are no arrays'),
  Extract: (_, say) => say('there is no EXTRACT; write DATEPART'),
  Position: (_, say) => say('there is no POSITION; write CHARINDEX'),
  Overlay: (_, say) => say('there is no OVERLAY; write STUFF'),
  Merge: (_, say) => say('MERGE is not used: without HOLDLOCK two of them race'),
  Substring: ({ special, shorthand }, say) => {
    if (special !== true) say('SUBSTRING takes commas, no FROM and FOR');
    if (shorthand === true) say('there is no SUBSTR; write SUBSTRING');
  },
  Trim: ({ trim_where }, say) => {
    if (isSet(trim_where)) say('TRIM takes no LEADING, TRAILING or BOTH before SQL Server 2022');
  },
  AnyOp: ({ right }, say) => {
    if (!isNode(right) || !('Subquery' in right)) say('ANY takes a subquery only');
  },
  AllOp: ({ right }, say) => {
    if (!isNode(right) || !('Subquery' in right)) say('ALL takes a subquery only');
  },
  BinaryOp: ({ op }, say) => {
    if (typeof op === 'string' && FOREIGN_OPERATORS.has(op)) say(`there is no operator ${op === 'StringConcat' ? '||; write CONCAT or +' : op}`);
  },
  Function: ({ name, filter }, say) => {
    const parts = wordsOf(name);
    if (parts.length === 1 && !FUNCTIONS.has((parts[0] ?? '').toUpperCase())) say(`${parts[0] ?? ''} is no function of SQL Server 2019`);
    if (isSet(filter)) say('aggregates have no FILTER');
  },
  Update: ({ table, returning, limit, from }, say) => {
    if (isSet(returning)) say('there is no RETURNING; write OUTPUT');
    if (isSet(limit)) say('there is no LIMIT');
    const alias = path(table, 'relation', 'Table', 'alias');
    if (isSet(alias) && !isSet(from)) say('UPDATE gives its table no alias; name it in FROM');
  },
  Delete: ({ using, returning, limit }, say) => {
    if (isSet(using)) say('there is no USING; write DELETE … FROM … INNER JOIN');
    if (isSet(returning)) say('there is no RETURNING; write OUTPUT');
    if (isSet(limit)) say('there is no LIMIT');
  },
  Insert: ({ on, returning, replace_into }, say) => {
    if (isSet(on)) say('there is no ON CONFLICT; write INSERT … WHERE NOT EXISTS');
    if (isSet(returning)) say('there is no RETURNING; write OUTPUT');
    if (isSet(replace_into)) say('there is no REPLACE');
  },
  Truncate: ({ table }, say) => {
    if (table !== true) say('it is TRUNCATE TABLE');
  },
  CreateTable: ({ if_not_exists, or_replace }, say) => {
    if (isSet(if_not_exists)) say('there is no IF NOT EXISTS; ask OBJECT_ID before');
    if (isSet(or_replace)) say('there is no CREATE OR REPLACE TABLE');
  },
  CreateSchema: ({ if_not_exists }, say) => {
    if (isSet(if_not_exists)) say('there is no IF NOT EXISTS; ask SCHEMA_ID before');
  },
  LimitOffset: ({ limit, offset }, say) => {
    if (isSet(limit)) say('there is no LIMIT; write TOP, or OFFSET … ROWS FETCH NEXT … ROWS ONLY');
    else if (isNode(offset) && offset['rows'] !== 'Rows' && offset['rows'] !== 'Row') say('OFFSET wants ROWS after its number');
  },
};

/** Rules of members, whatever they are members of. */
const MEMBERS: Readonly<Record<string, (value: unknown, say: (problem: string) => void) => void>> = {
  locks: (value, say) => {
    if (isSet(value)) say('there is no FOR UPDATE; write WITH (UPDLOCK)');
  },
  distinct: (value, say) => {
    if (isNode(value) && 'On' in value) say('there is no DISTINCT ON');
  },
  lateral: (value, say) => {
    if (value === true) say('there is no LATERAL; write CROSS APPLY');
  },
  Placeholder: (value, say) => {
    if (typeof value === 'string' && !value.startsWith('@')) say(`${value} is no parameter; write @name`);
  },
  IsDistinctFrom: (_, say) => say('IS DISTINCT FROM is of SQL Server 2022'),
  IsNotDistinctFrom: (_, say) => say('IS NOT DISTINCT FROM is of SQL Server 2022'),
  IsTrue: (_, say) => say('there is no IS TRUE'),
  IsFalse: (_, say) => say('there is no IS FALSE'),
  Boolean: (_, say) => say('there are no TRUE and FALSE; write 1 and 0 of type bit'),
  EscapedStringLiteral: (_, say) => say("there are no E'…' literals"),
  DollarQuotedString: (_, say) => say('there are no $…$ literals'),
  Using: (_, say) => say('there is no JOIN … USING'),
  Natural: (_, say) => say('there is no NATURAL JOIN'),
  data_type: (value, say) => {
    const [name] = typeof value === 'string' ? [value] : isNode(value) ? Object.keys(value) : [];
    if (name === undefined) return;
    const custom = isNode(value) ? wordsOf((value['Custom'] as readonly unknown[] | undefined)?.[0]) : [];
    const spelled = (name === 'Custom' ? (custom.at(-1) ?? '') : name).toUpperCase();
    const known = name === 'Custom' ? custom.length > 1 || CUSTOM_TYPES.has(spelled) : TYPES.has(name.toLowerCase()) || CUSTOM_TYPES.has(spelled);
    if (!known || FOREIGN_TYPES.has(spelled.toLowerCase())) say(`${spelled.toLowerCase()} is no type of SQL Server that we use`);
  },
  alias: (value, say) => {
    if (isNode(value) && value['quote_style'] === "'") say(`'${String(value['value'])}' is an alias written as a literal (or a literal of another product)`);
  },
};

/** Everything in a statement's tree that SQL Server would refuse, or would do otherwise. */
export function treeProblems(tree: unknown): string[] {
  const found = new Set<string>();
  const say = (problem: string): void => void found.add(problem);
  walk(tree, (name, value) => {
    MEMBERS[name]?.(value, say);
    if (isNode(value)) RULES[name]?.(value, say);
  });
  return [...found, ...aliasProblems(tree), ...variableProblems(tree)];
}

function walk(value: unknown, visit: (name: string, value: unknown) => void): void {
  if (Array.isArray(value)) for (const one of value as unknown[]) walk(one, visit);
  else if (isNode(value)) {
    for (const [name, member] of Object.entries(value)) {
      if (member === undefined || member === null) {
        if (name === 'data_type') visit(name, member);
        continue;
      }
      visit(name, member);
      walk(member, visit);
    }
  }
}

/** `x.column`, where the whole text knows no table, alias or variable x: a slip in an alias, mostly. */
function aliasProblems(tree: unknown): string[] {
  const known = new Set(['INSERTED', 'DELETED']);
  const learn = (name: string | undefined): void => {
    if (name !== undefined) known.add(name.toUpperCase());
  };
  walk(tree, (name, value) => {
    if (name === 'Table' && isNode(value)) learn(wordsOf(value['name']).at(-1));
    if (name === 'alias' && isNode(value)) learn(isNode(value['name']) ? String(value['name']['value']) : typeof value['value'] === 'string' ? value['value'] : undefined);
  });
  const unknown = new Set<string>();
  walk(tree, (name, value) => {
    if (name !== 'CompoundIdentifier' || !Array.isArray(value) || value.length !== 2) return;
    const [first] = wordsOf(value);
    if (first !== undefined && !known.has(first.toUpperCase())) unknown.add(first);
  });
  return [...unknown].map((name) => `${name}.… names no table or alias of the statement`);
}

/** A variable that is declared and never used is a slip in its name, or in that of the one used in its place. */
function variableProblems(tree: unknown): string[] {
  const declared = new Set<string>();
  const used = new Set<string>();
  walk(tree, (name, value) => {
    if (name === 'names' && Array.isArray(value)) for (const one of wordsOf(value)) if (one.startsWith('@')) declared.add(one);
    if (name === 'Identifier' && isNode(value) && String(value['value']).startsWith('@')) used.add(String(value['value']));
    if (name === 'variable' || name === 'CompoundIdentifier') for (const one of wordsOf(value)) used.add(one);
  });
  return [...declared].filter((name) => !used.has(name)).map((name) => `${name} is declared and never used`);
}

function wordsOf(name: unknown): string[] {
  if (!Array.isArray(name)) return isNode(name) && 'Identifier' in name ? wordsOf([name]) : [];
  return (name as unknown[]).flatMap((part) => {
    const word = isNode(part) && isNode(part['Identifier']) ? part['Identifier'] : part;
    return isNode(word) && typeof word['value'] === 'string' ? [word['value']] : [];
  });
}

function path(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>((at, name) => (isNode(at) ? at[name] : undefined), value);
}
