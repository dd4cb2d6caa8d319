import { ElstreamError } from '@elstream/core';
import * as driver from 'mssql';
import { batches } from './mssql/batches';
import { holderText } from './mssql/name-holder';
import { bigint, bit, bound, int, json, longText, text, uuid } from './mssql/parameters';
import { BY_THE_CLIENT, CALLS, recordingStore } from './recorded-statements.fixture';

const RUN = '00000000-0000-0000-0000-000000000001';

describe('what is sent to SQL Server', () => {
  it('has few parameters however many tasks are added: they travel as JSON, a thousand at a time', async () => {
    const { store, sent } = await recordingStore();
    const tasks = Array.from({ length: 2_001 }, (_, n) => ({ kind: 'preload-chunk', table: "o'clock", epoch: 1, payload: { n } }) as const);
    expect(await store.addTasks(RUN, tasks)).toHaveLength(2_001);
    const inserts = sent.filter(({ sql }) => sql.includes('INSERT'));
    expect(inserts.map(({ parameters }) => parameters.length)).toEqual([5]);
    expect(inserts[0]?.sql.match(/INSERT INTO/g)).toHaveLength(3);
    const rows = inserts[0]!.parameters.slice(2).flatMap((json) => JSON.parse((json as { value: string }).value) as { ordinal: number; tableId: string }[]);
    expect(rows.map((row) => row.ordinal)).toEqual(tasks.map((_, n) => n));
    expect(new Set(rows.map((row) => row.tableId))).toEqual(new Set(["o'clock"]));
  });

  it('names a database with a dot in its name as one', async () => {
    const { store, sent } = await recordingStore(undefined, 'Sales.DWH');
    await store.migrate();
    const naming = sent.map(({ sql }) => /.*\[(?:Sales|DWH).*/.exec(sql)?.[0]).filter((line) => line !== undefined);
    expect(naming.length).toBeGreaterThan(2);
    for (const line of naming) expect(line).toMatch(/\[Sales\.DWH\]\.(?:\[elstream\]\.\[migration\]|"INFORMATION_SCHEMA"\."TABLES")/);
  });

  it('has one parameter for any number of ids', async () => {
    const { store, sent } = await recordingStore();
    await store.readDeadLetters({ pipeline: 'p', ids: Array.from({ length: 5_000 }, () => RUN), limit: 10 });
    expect(sent[0]?.parameters).toHaveLength(2);
  });

  it('binds every value: neither names nor texts stand in a statement', async () => {
    const { store, sent } = await recordingStore();
    const evil = "x'; DROP TABLE y --";
    await store.registerPipeline(evil);
    await store.readTasks(RUN, { counted: evil, without: [evil, 'a"b'], limit: 1 });
    await store.lead(evil, evil, 1);
    await store.setGap(evil, evil);
    for (const { sql } of sent) expect(sql).not.toContain('DROP');
    // a path of JSON, with the name quoted inside it
    expect(sent.flatMap(({ parameters }) => parameters)).toContain('$."a\\"b"');
  });

  it('changes nothing of MERGE, which would not hold off an insert of the same key', async () => {
    const { store, sent } = await recordingStore();
    await store.registerPipeline('p');
    await store.saveValidation({ pipeline: 'p', table: 't', runId: RUN, scope: 'full', position: '0a', rowsCompared: 1, confirmedEqual: 1, unverified: 0, differences: 0 });
    await store.lead('r', 'h', 1);
    expect(sent.filter(({ sql }) => /\bMERGE\b/.test(sql))).toEqual([]);
    expect(sent.filter(({ sql }) => sql.includes('HOLDLOCK'))).toHaveLength(3);
  });
});

it('binds the same types to batches as TypeORM does to statements', () => {
  const types = [text('a'), longText(null), json([1]), int(1), bigint(2), uuid(RUN), bit(true)].map((parameter) => ({ said: parameter, ...bound(parameter) }));
  expect(types.map(({ said, value }) => [value, said.value])).toEqual(types.map(({ said }) => [said.value, said.value]));
  const names = types.map(({ type }) => [(type as unknown as { type: { declaration: string } }).type.declaration, (type as unknown as { length?: number }).length]);
  expect(names).toEqual([['nvarchar', 4_000], ['nvarchar', driver.MAX], ['nvarchar', driver.MAX], ['int', undefined], ['bigint', undefined], ['uniqueidentifier', undefined], ['bit', undefined]]);
});

describe('locks on SQL Server', () => {
  const calls = Object.keys(CALLS).filter((call) => call !== 'migrate');

  it.each(calls)('%s leaves no transaction open while the client is asked for more, and tells after COMMIT', async (call) => {
    const { store, sent } = await recordingStore();
    await CALLS[call]!(store);
    for (const { sql, held = false } of sent) {
      expect(sql).not.toContain(BY_THE_CLIENT);
      const begun = sql.match(/BEGIN TRANSACTION/g)?.length ?? 0;
      expect(begun).toBeLessThanOrEqual(1);
      // what does not compile leaves its transaction open: never on a connection that others get
      expect(held).toBe(begun === 1);
      if (begun === 0) continue;
      expect(sql).toMatch(/^SET NOCOUNT ON; SET XACT_ABORT ON; .*\n.*\nBEGIN TRANSACTION;\n/);
      expect(sql).toMatch(/\nCOMMIT TRANSACTION;\nSELECT @outcome AS outcome[^;]*;$/);
      // inside, rows are read into variables alone
      const inside = sql.slice(sql.indexOf('BEGIN TRANSACTION'), sql.indexOf('COMMIT TRANSACTION'));
      expect(inside.split('\n').filter((line) => /^\s*SELECT (?!@|TOP \(1\) @)/.test(line) && !/FROM OPENJSON|^SELECT n\./.test(line))).toEqual([]);
    }
  });

  it.each(calls)('%s counts what it affects where that decides, whatever the server does by default', async (call) => {
    const { store, sent } = await recordingStore();
    await CALLS[call]!(store);
    for (const { sql } of sent) expect(sql).toMatch(sql.includes('BEGIN TRANSACTION') ? /@@ROWCOUNT|INSERT/ : /^SET NOCOUNT OFF;/);
  });

  it.each(calls)('%s waits for no lock longer than it should', async (call) => {
    const { store, sent } = await recordingStore();
    await CALLS[call]!(store);
    for (const { sql } of sent) expect(sql).toMatch(/SET LOCK_TIMEOUT \d+;/);
  });

  const lockTimeout = (): never => {
    throw new ElstreamError('DB_LOCK_TIMEOUT', 'retry', 'Lock request time out period exceeded.');
  };
  const holder = { id: 57, program: 'elstream warehouse', host: 'w1', login: 'elstream', status: 'sleeping', seconds: '95' };

  it('that are not had in time are tried again later, and whoever holds them is named', async () => {
    const { store } = await recordingStore((sql) => (sql === batches.holder ? [holder] : lockTimeout()));
    await expect(store.setGap('p', null)).rejects.toMatchObject({
      code: 'DB_LOCK_TIMEOUT',
      recovery: 'retry',
      message: 'Lock request time out period exceeded.; session 57 (elstream warehouse on w1 as elstream) sleeps in a transaction that it began at least 95 s ago; end the transaction there, or the session by KILL 57',
    });
  });

  it('are said to be unnamed, with the right that is missing, where the server does not tell', async () => {
    const refused = (): never => {
      throw new ElstreamError('DB_PRIVILEGE', 'stop', 'VIEW SERVER STATE permission was denied');
    };
    const { store } = await recordingStore((sql) => (sql === batches.holder ? refused() : lockTimeout()));
    await expect(store.addTasks(RUN, [{ kind: 'prepare', table: null, epoch: null, payload: {} }])).rejects.toMatchObject({ code: 'DB_LOCK_TIMEOUT', message: expect.stringContaining('wants VIEW SERVER STATE') });
  });

  it('may be those of a statement at work, or gone meanwhile', () => {
    expect(holderText({ ...holder, status: 'running', host: null, program: null })).toBe('session 57 (as elstream) has locks on the control tables, and a statement at work for 95 s');
    expect(holderText(undefined)).toBe('no session holds any now: it has just ended');
  });
});

describe('what was read before a batch on SQL Server', () => {
  const TASK = { kind: 'open-table', table: 't', epoch: null, payload: {} } as const;
  const CLAIM = { taskId: RUN, attempt: 1, runId: RUN, epoch: 1 };
  /** Another planner is faster so many times. */
  const overtaken = (times: number) => {
    let batchesSent = 0;
    return (sql: string): unknown[] => {
      if (!sql.includes('AS outcome')) return [];
      batchesSent += 1;
      return [{ outcome: batchesSent <= times ? 'moved' : 'added', pipeline: 'p' }];
    };
  };

  it('is read again when the batch finds it changed', async () => {
    const { store, sent } = await recordingStore(overtaken(2));
    expect(await store.addTasks(RUN, [TASK])).toMatchObject([{ kind: 'open-table', runId: RUN, pipeline: 'p' }]);
    expect(sent).toHaveLength(6);
    expect(await (await recordingStore(overtaken(2))).store.complete(CLAIM, {}, [TASK])).toBe(true);
  });

  it('makes another try of the step where others are always faster', async () => {
    const { store } = await recordingStore(overtaken(1_000));
    await expect(store.addTasks(RUN, [TASK])).rejects.toMatchObject({ code: 'DB_SERIALIZATION', recovery: 'retry' });
  });

  it('adds nothing to a run that has ended', async () => {
    const { store } = await recordingStore((sql) => (sql.includes('AS outcome') ? [{ outcome: null, pipeline: null, active: null }] : []));
    expect(await store.addTasks(RUN, [TASK])).toEqual([]);
    expect(await store.complete(CLAIM, {}, [TASK])).toBe(false);
    expect(await store.endRun(RUN, 'failed', 'x')).toBe(false);
    await expect(store.addEvent({ runId: RUN, type: 'x', table: null, detail: {} })).rejects.toMatchObject({ code: 'RUN_UNKNOWN', recovery: 'lost' });
    await expect(store.createRun({ pipeline: 'p', reason: 'manual', tables: [] })).rejects.toMatchObject({ code: 'PIPELINE_UNKNOWN' });
    await expect(store.saveMappings('p', [])).rejects.toMatchObject({ code: 'PIPELINE_UNKNOWN' });
  });

  it.each([['gap-gone', 'GAP_GONE'], ['active', 'RUN_ACTIVE']])('refuses a run by %s', async (outcome, code) => {
    const { store } = await recordingStore(() => [{ outcome, active: RUN.toUpperCase() }]);
    await expect(store.createRun({ pipeline: 'p', reason: 'log-gap', tables: [] })).rejects.toMatchObject({ code, recovery: 'refuse' });
  });
});
