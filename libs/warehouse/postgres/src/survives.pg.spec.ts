import { compareMappings, type TableMapping } from '@elstream/core';
import { mappingOf, WarehouseFixture, event } from './warehouse.fixture';

const narrow = mappingOf('items', [['id', 'int4', { kind: 'integer', bits: 32 }], ['name', 'varchar(10)', { kind: 'text', maxLength: 10, padded: false }]]);
const wide = mappingOf('items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'varchar(20)', { kind: 'text', maxLength: 20, padded: false }], ['price', 'numeric(10,2)', { kind: 'decimal', precision: 10, scale: 2 }]]);
const P = WarehouseFixture.pipeline;

const VIEWS = ['plain', 'on_plain'];

/** All that users made on the table, as the catalog has it; types are left out, since they change with the table's. */
async function madeByUsers(fx: WarehouseFixture): Promise<unknown> {
  const [found] = await fx.db.query<{ all: unknown }>(`
    SELECT jsonb_build_object(
      'indexes', (SELECT jsonb_agg(jsonb_build_array(indexname, indexdef, obj_description(format('target.%I', indexname)::regclass)) ORDER BY indexname) FROM pg_indexes WHERE schemaname = 'target'),
      'relations', (SELECT jsonb_agg(jsonb_build_array(c.relname, c.relowner::regrole, coalesce(c.relacl, acldefault('r', c.relowner))::text, c.reloptions, obj_description(c.oid)) ORDER BY c.relname) FROM pg_class c WHERE c.relnamespace = 'target'::regnamespace AND c.relkind IN ('r', 'v')),
      'columns', (SELECT jsonb_agg(jsonb_build_array(c.relname, a.attname, a.attacl::text, col_description(c.oid, a.attnum)) ORDER BY c.relname, a.attname)
                    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'target'::regnamespace AND c.relkind IN ('r', 'v') AND (a.attacl IS NOT NULL OR col_description(c.oid, a.attnum) IS NOT NULL)),
      'views', (SELECT jsonb_agg(jsonb_build_array(viewname, definition) ORDER BY viewname) FROM pg_views WHERE schemaname = 'target')) AS all`);
  return found?.all;
}

describe('what users made on a warehouse table', () => {
  let fx: WarehouseFixture;
  let before: unknown;

  beforeEach(async () => {
    fx = await WarehouseFixture.create();
    await load(narrow, [['1', 'a'], ['2', 'b']]);
    const role = `reader_${fx.db.name}`;
    await fx.db.query(`
      CREATE ROLE "${role}"; CREATE ROLE "${role} o'f";
      GRANT USAGE ON SCHEMA target TO "${role}", "${role} o'f";
      CREATE INDEX items_name ON target.items (name) WHERE id > 0;
      COMMENT ON INDEX target.items_name IS 'it''s mine';
      COMMENT ON COLUMN target.items.name IS 'the name';
      COMMENT ON TABLE target.items IS 'the items';
      GRANT SELECT ON target.items TO "${role}";
      GRANT SELECT (name, id) ON target.items TO "${role} o'f";
      CREATE VIEW target.plain WITH (security_barrier) AS SELECT id, name AS "Name ""quoted""" FROM target.items WHERE name <> 'x' WITH LOCAL CHECK OPTION;
      COMMENT ON VIEW target.plain IS E'a\\\\view';
      COMMENT ON COLUMN target.plain.id IS 'the id';
      GRANT SELECT ON target.plain TO "${role}" WITH GRANT OPTION;
      GRANT SELECT (id) ON target.plain TO "${role} o'f";
      GRANT UPDATE (id) ON target.plain TO PUBLIC;
      CREATE VIEW target.on_plain AS SELECT max(p.id) AS top, i.name FROM target.plain p JOIN target.items i USING (id) GROUP BY i.name;
      ALTER VIEW target.on_plain OWNER TO "${role} o'f";
      ALTER DEFAULT PRIVILEGES IN SCHEMA target GRANT SELECT ON TABLES TO "${role} o'f";`);
    before = await madeByUsers(fx);
  });
  afterEach(async () => {
    const role = `reader_${fx.db.name}`;
    await fx.db.query(`DROP OWNED BY "${role}", "${role} o'f" CASCADE; DROP ROLE "${role}", "${role} o'f"`);
    await fx.drop();
  });

  async function load(mapping: TableMapping, rows: (string | null)[][]): Promise<void> {
    const { runId, epoch } = await fx.beginPreload(mapping);
    await fx.loadChunk(mapping, await fx.claimTask(runId, mapping, epoch), rows);
    await fx.finish(mapping, runId, epoch);
  }
  const evolve = async (to: TableMapping): Promise<void> => fx.warehouse.evolveTable(P, to, compareMappings(narrow, to));
  const state = async () => (await fx.warehouse.readTableStates(P))[0];
  const typesOf = async (relation: string): Promise<string[]> =>
    (await fx.db.query<{ t: string }>(`SELECT attname || ' ' || format_type(atttypid, atttypmod) AS t FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT LIKE '\\_\\_%' ORDER BY attnum`, [relation])).map((r) => r.t);

  it('survives being preloaded again', async () => {
    await load(narrow, [['2', 'b'], ['3', 'c']]);
    expect(await fx.rows(narrow)).toEqual([['2', 'b'], ['3', 'c']]);
    expect(await madeByUsers(fx)).toEqual(before);
  });

  it('survives columns that are added and widened, and the stream goes on with both', async () => {
    await fx.apply(narrow, [event.insert(narrow, 5, ['3', 'c'])]);
    await evolve(wide);
    expect(await madeByUsers(fx)).toEqual(before);
    expect(await typesOf('target.items')).toEqual(['id bigint', 'name character varying(20)', 'price numeric(10,2)']);
    expect(await typesOf('target.plain')).toEqual(['id bigint', 'Name "quoted" character varying(20)']);
    expect((await fx.db.query<{ t: string }>(`SELECT format_type(a.atttypid, a.atttypmod) AS t FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relname LIKE 'marker\\_%' AND c.relkind = 'r' AND a.attname = 'id'`))[0]).toEqual({ t: 'bigint' });
    expect(await state()).toMatchObject({ phase: 'live', stale: 'columns were added at the source: ["price"]' });
    await fx.apply(wide, [event.insert(wide, 6, ['9007199254740993', 'longer than ten', '1.50']), event.delete(wide, 6, '1')]);
    expect(await fx.rows(wide)).toEqual([['2', 'b', null], ['3', 'c', null], ['9007199254740993', 'longer than ten', '1.50']]);
    expect(await fx.db.query(`SELECT top::text, name FROM target.on_plain ORDER BY top`)).toHaveLength(3);
  });

  it('following a change twice does it once, and does not ask for a preload that was done meanwhile', async () => {
    await evolve(wide);
    await fx.store.saveMappings(P, [wide]);
    await fx.db.query(`UPDATE elstream.table_state SET stale = NULL`);
    await evolve(wide);
    expect(await madeByUsers(fx)).toEqual(before);
    expect(await state()).toMatchObject({ stale: null });
  });

  it('a process that still has an earlier mapping narrows nothing', async () => {
    const between = mappingOf('items', [['id', 'int4', { kind: 'integer', bits: 32 }], ['name', 'varchar(15)', { kind: 'text', maxLength: 15, padded: false }]]);
    await evolve(wide);
    await evolve(between);
    expect(await typesOf('target.items')).toEqual(['id bigint', 'name character varying(20)', 'price numeric(10,2)']);
  });

  it('survives a reset that keeps the data: the rows stay until the next preload replaces and sweeps them', async () => {
    await fx.warehouse.resetTables(P, [narrow], { dropData: false });
    expect(await state()).toMatchObject({ phase: 'new', rowsPreloaded: 0 });
    expect(await fx.rows(narrow)).toEqual([['1', 'a'], ['2', 'b']]);
    await load(narrow, [['2', 'again']]);
    expect(await fx.rows(narrow)).toEqual([['2', 'again']]);
    expect(await madeByUsers(fx)).toEqual(before);
  });

  it('survives a change of types that empties the table', async () => {
    const texts = mappingOf('items', [['id', 'text'], ['name', 'varchar(10)'], ['added', 'uuid']]);
    await fx.db.query('DROP VIEW target.on_plain; DROP INDEX target.items_name; CREATE INDEX items_name ON target.items (name)');
    before = await madeByUsers(fx);
    await expect(fx.warehouse.reshapeTable(P, texts)).rejects.toMatchObject({ code: 'TABLE_NOT_STOPPED', recovery: 'refuse' });
    await fx.warehouse.stopTable(P, narrow.id, 'its id is a text now');
    expect(await state()).toMatchObject({ phase: 'stopped', error: 'its id is a text now' });
    await fx.warehouse.reshapeTable(P, texts);
    expect(await madeByUsers(fx)).toEqual(before);
    expect(await typesOf('target.items')).toEqual(['id text', 'name character varying(10)', 'added uuid']);
    await load(texts, [['B', 'x', null], ['a', 'y', null], ['b', 'z', null]]);
    expect(await fx.rows(texts)).toHaveLength(3);
    expect(await fx.warehouse.checkTables([texts])).toEqual([]);
  });

  it.each(VIEWS)('a materialized view on view %s refuses the widening by name, and nothing has changed', async (view) => {
    await fx.db.query(`CREATE MATERIALIZED VIEW target.kept AS SELECT * FROM target.${view}`);
    await expect(evolve(wide)).rejects.toMatchObject({ code: 'EVOLUTION_BLOCKED', recovery: 'refuse', message: expect.stringContaining('materialized view target.kept') });
    expect(await madeByUsers(fx)).toEqual(before);
    expect(await typesOf('target.items')).toEqual(['id integer', 'name character varying(10)']);
    expect(await state()).toMatchObject({ stale: null });
  });

  it.each([
    ['a materialized view on the table', 'CREATE MATERIALIZED VIEW target.kept AS SELECT name FROM target.items', 'materialized view target.kept'],
    ['a trigger of a view', `CREATE FUNCTION target.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER instead INSTEAD OF UPDATE ON target.plain FOR EACH ROW EXECUTE FUNCTION target.nothing()`, 'trigger instead on view target.plain'],
    ['a rule of a view', 'CREATE RULE none AS ON INSERT TO target.on_plain DO INSTEAD NOTHING', 'rule none on view target.on_plain'],
    ['a function that takes a view’s rows', `CREATE FUNCTION target.f(target.plain) RETURNS int LANGUAGE sql AS 'SELECT 1'`, 'function target.f(target.plain)'],
    ['a table with a column of the row type', 'CREATE TABLE public.holder (x target.items)', 'holder'],
    ['a view that does not go with the new type', `CREATE FUNCTION public.g(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW public.v AS SELECT public.g(id) AS g FROM target.items`, 'public.g(bigint)'],
  ])('%s refuses the widening by name', async (_what, ddl, name) => {
    await fx.db.query(ddl);
    await expect(evolve(wide)).rejects.toMatchObject({ code: 'EVOLUTION_BLOCKED', recovery: 'refuse', message: expect.stringContaining(name) });
    expect(await typesOf('target.items')).toEqual(['id integer', 'name character varying(10)']);
  });

  it('a column is added whatever depends on the table', async () => {
    await fx.db.query('CREATE MATERIALIZED VIEW target.kept AS SELECT name FROM target.items');
    await evolve(mappingOf('items', [['id', 'int4', { kind: 'integer', bits: 32 }], ['name', 'varchar(10)', { kind: 'text', maxLength: 10, padded: false }], ['more', 'text']]));
    expect(await typesOf('target.items')).toEqual(['id integer', 'name character varying(10)', 'more text']);
  });

  it('a long reader makes a change wait shortly and be tried again, instead of holding everybody up', async () => {
    const reader = fx.dataSource.createQueryRunner();
    await reader.startTransaction();
    await reader.query('SELECT count(*) FROM target.items');
    await expect(evolve(wide)).rejects.toMatchObject({ recovery: 'retry' });
    await reader.rollbackTransaction();
    await reader.release();
    await evolve(wide);
    expect(await state()).toMatchObject({ stale: expect.stringContaining('price') });
  });

  it('dropping the data is refused while views depend on it, naming them, and done once they are gone', async () => {
    await expect(fx.warehouse.resetTables(P, [narrow], { dropData: true })).rejects.toMatchObject({ code: 'RESET_BLOCKED', recovery: 'refuse', message: expect.stringMatching(/view target\.plain.*view target\.on_plain/) });
    expect(await fx.rows(narrow)).toHaveLength(2);
    expect(await state()).toMatchObject({ phase: 'live' });
    await fx.db.query('DROP VIEW target.plain CASCADE');
    await fx.warehouse.resetTables(P, [narrow], { dropData: true });
    expect(await fx.db.query(`SELECT to_regclass('target.items')::text AS standing`)).toEqual([{ standing: null }]);
    await load(wide, [['1', 'anew', '1.00']]);
    expect(await fx.rows(wide)).toEqual([['1', 'anew', '1.00']]);
  });
});
