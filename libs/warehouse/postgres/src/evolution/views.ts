import { ElstreamError } from '@elstream/core';
import { quoteLiteral, quoteName, type Sql } from '@elstream/database';

/** A column of a table that is given another type. */
export interface AlteredColumn {
  readonly oid: string;
  readonly attnum: number;
}

interface Grant {
  readonly grantee: string;
  readonly privilege: string;
  readonly grantable: boolean;
  /** Null: of the whole view. */
  readonly column: string | null;
}

/** All that is needed to make a view again. */
export interface SavedView {
  readonly name: string;
  readonly definition: string;
  readonly columns: readonly string[];
  readonly options: readonly string[];
  readonly owner: string;
  /** Null: nobody ever granted or revoked anything. */
  readonly grants: readonly Grant[] | null;
  readonly comments: readonly { readonly column: string | null; readonly text: string }[];
}

/**
 * Ordinary views that use one of the columns, and views of these views, in an order in which they can be made. Refuses
 * (`EVOLUTION_BLOCKED`) what would be lost with them: triggers, rules and defaults of a view, security labels. What else depends on them
 * (materialized views, functions) the server itself refuses to lose when they are dropped.
 */
export async function saveViews(sql: Sql, table: string, altered: readonly AlteredColumn[]): Promise<SavedView[]> {
  if (altered.length === 0) return [];
  const found = await sql.query<{ oid: string }>(
    `WITH RECURSIVE view(oid, depth) AS (
       SELECT r.ev_class, 1 FROM unnest($1::oid[], $2::int[]) AS u(oid, attnum)
         JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = u.oid AND d.refobjsubid = u.attnum AND d.classid = 'pg_rewrite'::regclass
         JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN' JOIN pg_class c ON c.oid = r.ev_class AND c.relkind = 'v'
       UNION
       SELECT r.ev_class, view.depth + 1 FROM view
         JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = view.oid AND d.classid = 'pg_rewrite'::regclass
         JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN' AND r.ev_class <> view.oid JOIN pg_class c ON c.oid = r.ev_class AND c.relkind = 'v')
     SELECT oid::text AS oid FROM view GROUP BY oid ORDER BY max(depth), oid`,
    [altered.map((a) => a.oid), altered.map((a) => a.attnum)],
  );
  const oids = found.map((f) => f.oid);
  await refuseExtras(sql, table, oids);
  const views: SavedView[] = [];
  for (const oid of oids) views.push(await saveView(sql, oid));
  return views;
}

async function refuseExtras(sql: Sql, table: string, oids: readonly string[]): Promise<void> {
  const extras = await sql.query<{ what: string }>(
    `SELECT pg_describe_object('pg_trigger'::regclass, oid, 0) AS what FROM pg_trigger WHERE tgrelid = ANY ($1::oid[])
     UNION ALL SELECT pg_describe_object('pg_rewrite'::regclass, oid, 0) FROM pg_rewrite WHERE ev_class = ANY ($1::oid[]) AND rulename <> '_RETURN'
     UNION ALL SELECT pg_describe_object('pg_attrdef'::regclass, oid, 0) FROM pg_attrdef WHERE adrelid = ANY ($1::oid[])
     UNION ALL SELECT 'security label of ' || objname FROM pg_seclabels WHERE classoid = 'pg_class'::regclass AND objoid = ANY ($1::oid[])`,
    [oids],
  );
  if (extras.length === 0) return;
  throw new ElstreamError('EVOLUTION_BLOCKED', 'refuse', `a column of ${table} cannot be given its new type, since a view of it would have to be made again and would lose ${extras.map((e) => e.what).join(', ')}; drop that, it can be made again afterwards`, { place: { table } });
}

async function saveView(sql: Sql, oid: string): Promise<SavedView> {
  const [view] = await sql.query<{ name: string; definition: string; columns: string[]; options: string[] | null; owner: string; granted: boolean }>(
    `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, pg_get_viewdef(c.oid) AS definition, c.reloptions AS options, c.relowner::regrole::text AS owner,
            c.relacl IS NOT NULL AS granted,
            (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) AS columns
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid`,
    [oid],
  );
  if (view === undefined) throw new ElstreamError('EVOLUTION_RACE', 'retry', 'a view vanished while its table was altered; looked at again');
  const grants = await readGrants(sql, oid);
  const comments = await sql.query<SavedView['comments'][number] & Record<string, unknown>>(
    `SELECT a.attname::text AS "column", d.description AS text FROM pg_description d LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
      WHERE d.classoid = 'pg_class'::regclass AND d.objoid = $1::oid`,
    [oid],
  );
  return { name: view.name, definition: view.definition, columns: view.columns, options: view.options ?? [], owner: view.owner, grants: view.granted || grants.length > 0 ? grants : null, comments };
}

/** Whole view and single columns. Who granted is not kept: made again, all of it is granted by the owner. */
async function readGrants(sql: Sql, oid: string): Promise<Grant[]> {
  return sql.query<Grant & Record<string, unknown>>(
    `SELECT CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END AS grantee, x.privilege_type AS privilege, x.is_grantable AS grantable, g.name AS "column"
       FROM (SELECT relacl AS acl, NULL::text AS name FROM pg_class WHERE oid = $1::oid
             UNION ALL SELECT attacl, attname::text FROM pg_attribute WHERE attrelid = $1::oid AND attacl IS NOT NULL) AS g, aclexplode(g.acl) AS x`,
    [oid],
  );
}

/** One statement, so that their order does not matter; without CASCADE, so that nothing else goes with them. */
export async function dropViews(sql: Sql, views: readonly SavedView[]): Promise<void> {
  if (views.length > 0) await sql.query(`DROP VIEW ${views.map((v) => v.name).join(', ')}`);
}

/** Makes them again with owner, grants, options and comments. */
export async function makeViews(sql: Sql, views: readonly SavedView[]): Promise<void> {
  for (const view of views) {
    const options = view.options.length === 0 ? '' : ` WITH (${view.options.join(', ')})`;
    await sql.query(`CREATE VIEW ${view.name} (${view.columns.map(quoteName).join(', ')})${options} AS ${view.definition}`);
    for (const { column, text } of view.comments) {
      await sql.query(`COMMENT ON ${column === null ? `VIEW ${view.name}` : `COLUMN ${view.name}.${quoteName(column)}`} IS ${quoteLiteral(text)}`);
    }
    await sql.query(`ALTER VIEW ${view.name} OWNER TO ${view.owner}`);
    await regrant(sql, view);
  }
}

async function regrant(sql: Sql, view: SavedView): Promise<void> {
  const [made] = await sql.query<{ oid: string }>(`SELECT $1::regclass::oid::text AS oid`, [view.name]);
  // ALTER DEFAULT PRIVILEGES may have granted what nobody had granted on the view that stood
  const given = await readGrants(sql, made?.oid ?? '0');
  if (given.length === 0 && view.grants === null) return;
  for (const grantee of new Set([view.owner, ...given.map((g) => g.grantee)])) await sql.query(`REVOKE ALL ON ${view.name} FROM ${grantee}`);
  if (view.grants === null) await sql.query(`GRANT ALL ON ${view.name} TO ${view.owner}`);
  for (const grant of view.grants ?? []) {
    const of = grant.column === null ? '' : ` (${quoteName(grant.column)})`;
    await sql.query(`GRANT ${grant.privilege}${of} ON ${view.name} TO ${grant.grantee}${grant.grantable ? ' WITH GRANT OPTION' : ''}`);
  }
}
