import { eventually } from '@elstream/testing';
import { event, mappingOf, WarehouseFixture } from './warehouse.fixture';

const items = mappingOf('items', [['id', 'int8'], ['name', 'text']]);
const P = WarehouseFixture.pipeline;
const GATE = 4711;

describe('a large table', () => {
  let fx: WarehouseFixture;

  beforeEach(async () => {
    fx = await WarehouseFixture.create();
  });
  afterEach(async () => {
    await fx.drop();
  });

  /** `body` runs for each row that is deleted. */
  async function seeing(body: string): Promise<void> {
    await fx.db.query(`
      CREATE TABLE target.seen (setting text);
      CREATE FUNCTION target.swept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN ${body}; RETURN OLD; END';
      CREATE TRIGGER swept BEFORE DELETE ON target.items FOR EACH ROW EXECUTE FUNCTION target.swept()`);
  }

  /** A preload whose end sweeps one row; `body` runs in that sweep. */
  async function sweeping(body: string) {
    const first = await fx.beginPreload(items);
    await fx.loadChunk(items, await fx.claimTask(first.runId, items, first.epoch), [['1', 'a'], ['2', 'b']]);
    await fx.finish(items, first.runId, first.epoch);
    const { runId, epoch } = await fx.beginPreload(items);
    await fx.loadChunk(items, await fx.claimTask(runId, items, epoch), [['1', 'a']]);
    await seeing(body);
    return fx.claimTask(runId, items, epoch, 'finish-table');
  }

  /** Lets the sweep go on only when it ends. */
  async function meanwhile<T>(finish: () => Promise<T>, step: () => Promise<void>): Promise<T> {
    const client = await fx.db.client();
    await client.query(`SELECT pg_advisory_lock(${GATE})`);
    const finished = finish();
    try {
      await eventually(async () => expect(await fx.db.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = ${GATE} AND NOT granted`)).toHaveLength(1));
      await step();
    } finally {
      await client.query(`SELECT pg_advisory_unlock(${GATE})`);
    }
    return finished;
  }
  const WAITS = `PERFORM pg_advisory_xact_lock(${GATE})`;

  it('is given the time at the end of its preload that the sweep takes: broken off, it would begin anew for ever', async () => {
    const claim = await sweeping(`INSERT INTO target.seen VALUES (current_setting(''statement_timeout''))`);
    expect(await fx.warehouse.finishPreload(P, items, claim)).toEqual({ outcome: 'done', rowsSwept: 1 });
    expect(await fx.db.query('SELECT setting FROM target.seen')).toEqual([{ setting: '0' }]);
    expect(await fx.dataSource.query(`SELECT setting FROM pg_settings WHERE name = 'statement_timeout'`)).toEqual([{ setting: '300000' }]);
  });

  it('is given the time that its truncate takes', async () => {
    const { runId, epoch } = await fx.beginPreload(items);
    await fx.loadChunk(items, await fx.claimTask(runId, items, epoch), [['1', 'a']]);
    await fx.finish(items, runId, epoch);
    await seeing(`INSERT INTO target.seen VALUES (current_setting(''statement_timeout''))`);
    await fx.apply(items, [event.truncate(items, 11)]);
    expect(await fx.rows(items)).toEqual([]);
    expect(await fx.db.query('SELECT setting FROM target.seen')).toEqual([{ setting: '0' }]);
  });

  it('lets the claim of that end be renewed meanwhile, and the planner look for abandoned ones', async () => {
    const claim = await sweeping(WAITS);
    const finished = await meanwhile(
      () => fx.warehouse.finishPreload(P, items, claim),
      async () => {
        expect(await fx.store.renew(claim)).toBe(true);
        expect(await fx.store.releaseAbandoned({ olderThanMs: 60_000 })).toBe(0);
      },
    );
    expect(finished).toEqual({ outcome: 'done', rowsSwept: 1 });
  });

  it('is not swept where the task was given to another worker meanwhile', async () => {
    const claim = await sweeping(WAITS);
    const finished = await meanwhile(
      () => fx.warehouse.finishPreload(P, items, claim),
      async () => void (await fx.store.releaseAbandoned({ olderThanMs: 0 })),
    );
    expect(finished).toEqual({ outcome: 'lost', rowsSwept: 0 });
    expect(await fx.rows(items)).toEqual([['1', 'a'], ['2', 'b']]);
    expect((await fx.warehouse.readTableStates(P))[0]).toMatchObject({ phase: 'preloading' });
  });
});
