import { LogPosition } from '@elstream/core';
import { describeWith, eventually } from '@elstream/testing';
import { captureContext, type CaptureContext } from './capture.fixture';
import { ownNames } from './instance-plan';
import { mapping } from './server.fixture';

const item = mapping('item', 'id', 'v');
const [ofItem] = ownNames(item.source);

async function withTable(): Promise<CaptureContext> {
  const context = await captureContext();
  await context.db.query('CREATE TABLE dbo.item (id int NOT NULL PRIMARY KEY, v int NULL)');
  return context;
}

const instances = async ({ db }: CaptureContext): Promise<string[]> => (await db.query<{ name: string }>('SELECT capture_instance AS name FROM cdc.change_tables ORDER BY 1')).map(({ name }) => name);
/** The newest value of the counter that was captured. */
const counted = async ({ db }: CaptureContext): Promise<bigint> => {
  const [counter] = ownNames({ schema: 'elstream', name: 'counter' });
  const [row] = await db.query<{ value: string | null }>(`SELECT MAX(value) AS value FROM cdc.[${counter}_CT]`);
  return BigInt(row?.value ?? 0);
};

describe('a SQL Server source without CDC', () => {
  it('says how it stands, and is not changed by looking', async () => {
    await using context = await withTable();
    const capture = await context.capture();
    expect(capture.endpoint).toMatchObject({ connector: 'sqlserver', host: 'source', port: 1433, database: context.db.name });
    expect(await capture.status()).toMatchObject({ state: 'missing', reason: `CDC is not enabled for database ${context.db.name}` });
    expect(await capture.captured()).toBeNull();
    await expect(capture.raiseCounter()).rejects.toMatchObject({ code: 'COUNTER_TABLE_MISSING' });
    await capture.drop();
    await capture.drop();
  });
});

describeWith(['cdc', 'agent', 'recovery-fork'], 'a SQL Server source', () => {
  it('is prepared from nothing, once, and captures from then on', async () => {
    await using context = await withTable();
    const capture = await context.capture();
    const first = await capture.prepare([item]);
    expect([first.created, first.identity.system, first.identity.fork]).toEqual([true, expect.stringMatching(/^[0-9a-f-]{36}$/), expect.stringMatching(/^[0-9a-f-]{36}$/)]);
    expect(first.position.hex).toHaveLength(20);
    expect(await capture.status()).toMatchObject({ state: 'ready', reason: null, trouble: null, confirmed: null });
    expect([...((await capture.captured()) ?? [])]).toEqual([item.id]);
    const again = await (await context.capture()).prepare([item]);
    expect(again.created).toBe(false);
    expect(first.position.isBelow(again.position)).toBe(true);
    expect(await capture.budget?.(again.position)).toBeNull();
  });

  it('captures the counter: every number it was raised to arrives', async () => {
    await using context = await withTable();
    const capture = await context.capture();
    await capture.prepare([item]);
    await capture.raiseCounter();
    const { raised } = await capture.status();
    await eventually(async () => expect(await counted(context)).toBe(raised), { timeoutMs: 40_000 });
  });

  it('begins anew where an instance was made again under its name', async () => {
    await using context = await withTable();
    const capture = await context.capture();
    await capture.prepare([item]);
    await context.db.query(`EXEC sys.sp_cdc_disable_table @source_schema = N'dbo', @source_name = N'item', @capture_instance = N'${ofItem}'; EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'item', @role_name = NULL, @capture_instance = N'${ofItem}'`);
    expect(await capture.status()).toMatchObject({ state: 'missing', reason: expect.stringContaining('made anew') as unknown });
    expect((await capture.captured())?.size).toBe(0);
    expect((await capture.prepare([item])).created).toBe(true);
    expect((await capture.status()).state).toBe('ready');
  });

  it('tells how far the clean-up came', async () => {
    await using context = await withTable();
    const capture = await context.capture();
    await capture.prepare([item]);
    const mark = (await context.db.query<{ lsn: Buffer }>('SELECT sys.fn_cdc_get_max_lsn() AS lsn'))[0]?.lsn ?? Buffer.alloc(10);
    await context.db.query(`DECLARE @mark binary(10) = 0x${mark.toString('hex')}; EXEC sys.sp_cdc_cleanup_change_table @capture_instance = N'${ofItem}', @low_water_mark = @mark`);
    const { state, confirmed } = await capture.status();
    expect([state, confirmed?.equals(LogPosition.parse(mark.toString('hex')))]).toEqual(['ready', true]);
  });

  it('gets a second instance for a new column, and goes on', async () => {
    await using context = await withTable();
    const capture = await context.capture();
    await capture.prepare([item]);
    await context.db.query('ALTER TABLE dbo.item ADD w int NULL');
    expect((await capture.prepare([mapping('item', 'id', 'v', 'w')])).created).toBe(false);
    expect((await instances(context)).filter((name) => name.startsWith(ofItem))).toHaveLength(2);
    await context.db.query('ALTER TABLE dbo.item ADD x int NULL');
    await expect(capture.prepare([mapping('item', 'id', 'x')])).rejects.toMatchObject({ code: 'CAPTURE_TABLES' });
  });

  it('asks a DBA for what a login may not do, and works with what it was given', async () => {
    await using context = await withTable();
    const { name, url } = await context.login();
    await context.db.query(`GRANT SELECT ON dbo.item TO [${name}]`);
    const capture = await context.capture({ url, role: 'gate' });
    await expect(capture.prepare([item])).rejects.toMatchObject({ code: 'SOURCE_RIGHTS', message: expect.stringContaining('sp_cdc_enable_db') as unknown });
    const owner = await context.capture({ pipeline: 'of the owner', role: 'gate' });
    await owner.prepare([item]);
    await context.db.query(`GRANT SELECT ON SCHEMA::cdc TO [${name}]; GRANT SELECT, INSERT, UPDATE, DELETE ON elstream.counter TO [${name}]; GRANT VIEW DEFINITION TO [${name}]`);
    await expect(capture.prepare([item])).rejects.toMatchObject({ code: 'SOURCE_RIGHTS', message: expect.stringContaining(`ALTER ROLE [gate] ADD MEMBER [${name}];`) as unknown });
    await context.db.query(`ALTER ROLE gate ADD MEMBER [${name}]; USE master; GRANT VIEW ANY DATABASE TO [${name}]; USE [${context.db.name}]`);
    expect((await capture.prepare([item])).created).toBe(true);
    expect((await capture.status()).state).toBe('ready');
  });

  it('is left as it was found, once no pipeline needs it', async () => {
    await using context = await withTable();
    const [one, two] = [await context.capture(), await context.capture({ pipeline: 'q' })];
    await one.prepare([item]);
    await two.prepare([item]);
    await one.drop();
    expect(await instances(context)).toHaveLength(2);
    await two.drop();
    await two.drop();
    expect(await instances(context)).toEqual([]);
    expect(await context.db.query("SELECT OBJECT_ID(N'elstream.counter') AS id")).toEqual([{ id: null }]);
  });
});
