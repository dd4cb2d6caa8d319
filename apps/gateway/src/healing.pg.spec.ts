import request from 'supertest';
import { components, type ComponentName } from './api/schemas';
import { startGateway, table, type TestGateway } from './gateway.fixture';

let gateway: TestGateway;
let address: string;

beforeAll(async () => {
  gateway = await startGateway();
  address = await gateway.app.listen();
});
beforeEach(async () => {
  await gateway.reset();
  await gateway.services.store.saveMappings('shop', [table('public.orders'), table('public.items')]);
});
afterAll(async () => gateway[Symbol.asyncDispose]());

const http = () => request(address);
const NOBODY = '7d3f1f5e-8a52-4b0e-9a9e-0a3f7e1f9c11';

/** The answer's body, which must be just what the documentation says. */
function shaped<T = Record<string, unknown>>(name: ComponentName, body: unknown): T {
  return components[name].strict().parse(body) as T;
}

const post = (path: string, body: object = {}) => http().post(`/api/v1/${path}`).send(body);
const read = async (path: string): Promise<Record<string, unknown>[]> => (await http().get(`/api/v1/${path}`).expect(200)).body as Record<string, unknown>[];

async function park(letter: { readonly table?: string; readonly code?: string; readonly row?: unknown; readonly op?: string } = {}): Promise<string> {
  const { table: of = 'public.orders', code = 'VALUE_OUT_OF_RANGE', row = null, op = 'insert' } = letter;
  const [parked] = (await gateway.query(
    `INSERT INTO elstream.dead_letter (pipeline, table_id, origin, op, key, row, bytes, code, reason, position, committed_at_us, epoch)
     VALUES ('shop', $1, 'stream', $2, '["5"]', $3, '\\x00ff', $4, 'the value does not fit', '0a', 1700000000000000, 1) RETURNING id`,
    [of, op, row === null ? null : JSON.stringify(row), code],
  )) as { id: string }[];
  return parked?.id ?? '';
}

describe('validation', () => {
  const validate = (body: object) => post('pipelines/shop/runs', { stages: ['validate'], ...body });

  test.each([
    ['a sample', { samplePercent: 2.5 }, { samplePercent: 2.5 }],
    ['what has changed', { changed: true }, { changed: true }],
    ['every row', { changed: false }, {}],
    ['every row', {}, {}],
  ])('of %s takes the scope %j', async (_what, scope, expected) => {
    const run = shaped('Run', (await validate({ scope }).expect(201)).body);
    expect(run).toMatchObject({ stages: ['validate'], scope: expected, tables: ['public.orders', 'public.items'] });
  });

  test('of a range is of one table, with as many cells as its key has', async () => {
    const range = { from: ['10'], to: null };
    expect(shaped('Run', (await validate({ tables: ['public.items'], scope: { range } }).expect(201)).body)).toMatchObject({ scope: { range }, tables: ['public.items'] });
    expect((await validate({ scope: { range } }).expect(422)).body).toMatchObject({ code: 'SCOPE_INVALID', detail: expect.stringContaining('one table') });
    expect((await validate({ tables: ['public.items', 'public.orders'], scope: { range } }).expect(422)).body.code).toBe('SCOPE_INVALID');
    expect((await validate({ tables: ['public.items'], scope: { range: { from: ['1', '2'], to: null } } }).expect(422)).body).toMatchObject({ code: 'SCOPE_INVALID', detail: expect.stringContaining('has 2 cells') });
  });

  test.each([
    ['two scopes at once', { changed: true, samplePercent: 5 }],
    ['a sample of nothing', { samplePercent: 0 }],
    ['a sample of more than all', { samplePercent: 101 }],
    ['an unknown scope', { newest: true }],
    ['an empty key', { range: { from: [], to: null } }],
    ['a range without end', { range: { from: ['1'] } }],
    ['cells that are no text', { range: { from: [1], to: null } }],
  ])('refuses %s by name', async (_what, scope) => {
    expect((await validate({ tables: ['public.items'], scope }).expect(400)).body).toMatchObject({ code: 'REQUEST_INVALID', errors: [{ path: expect.stringContaining('scope') }] });
  });

  test('is the only thing that takes a scope', async () => {
    expect((await post('pipelines/shop/runs', { scope: { changed: true } }).expect(422)).body.code).toBe('SCOPE_INVALID');
  });

  test('of a table that is not live is refused with its phase; asked for all tables it takes those that are', async () => {
    gateway.phases.set('public.items', 'stopped');
    expect((await validate({ tables: ['public.items'] }).expect(409)).body).toMatchObject({ code: 'TABLE_NOT_LIVE', table: 'public.items', detail: expect.stringContaining('stopped') });
    const all = await validate({}).expect(201);
    expect(all.body.tables).toEqual(['public.orders']);
    await gateway.services.store.endRun(all.body.id, 'cancelled', null);
    gateway.phases.set('public.orders', 'new');
    expect((await validate({}).expect(409)).body.code).toBe('TABLE_NOT_LIVE');
  });

  test('while tables are loaded is refused, naming the run that loads; also for the table being loaded', async () => {
    const { id } = await gateway.services.store.createRun({ pipeline: 'shop', reason: 'manual', tables: ['public.items'] });
    expect((await validate({}).expect(409)).body).toMatchObject({ code: 'RUN_ACTIVE', runId: id });
    gateway.phases.set('public.items', 'preloading');
    expect((await validate({ tables: ['public.items'] }).expect(409)).body).toMatchObject({ code: 'TABLE_NOT_LIVE', runId: id, detail: expect.stringContaining('preloading') });
  });

  test('goes on beside a repair, and only one at a time', async () => {
    await gateway.services.store.createRun({ pipeline: 'shop', reason: 'repair', tables: [], stages: ['repair'] });
    const { body } = await validate({}).expect(201);
    expect((await validate({}).expect(409)).body).toMatchObject({ code: 'RUN_ACTIVE', runId: body.id });
  });

  test('is kept for good and listed newest first, by table and by outcome', async () => {
    const { store } = gateway.services;
    for (const [of, differences] of [['public.orders', 0], ['public.items', 2]] as const) {
      const run = await store.createRun({ pipeline: 'shop', reason: 'manual', tables: [of], stages: ['validate'] });
      await store.saveValidation({ pipeline: 'shop', table: of, runId: run.id, scope: 'full', position: '0a', rowsCompared: 9, confirmedEqual: 9 - differences, unverified: 0, differences });
      await store.endRun(run.id, 'succeeded', null);
    }
    const all = await read('pipelines/shop/validations');
    expect(all.map((v) => shaped('Validation', v)['table'])).toEqual(['public.items', 'public.orders']);
    expect(all[0]).toMatchObject({ scope: 'full', rowsCompared: 9, confirmedEqual: 7, differences: 2, unverified: 0 });
    expect((await read('pipelines/shop/validations?good=true')).map((v) => v['table'])).toEqual(['public.orders']);
    expect(await read('pipelines/shop/validations?table=public.nope')).toEqual([]);
  });
});

describe('repairs', () => {
  test('are of the differences of a run, or of keys', async () => {
    const { store } = gateway.services;
    const run = await store.createRun({ pipeline: 'shop', reason: 'manual', tables: ['public.orders'], stages: ['validate'] });
    const answer = await post('pipelines/shop/repairs', { run: run.id }).expect(201);
    const repair = shaped<{ id: string }>('RepairRun', answer.body);
    expect(repair).toMatchObject({ stages: ['repair'], reason: 'repair', keys: 3, leftOut: 1 });
    expect(answer.headers['location']).toBe(`/api/v1/runs/${repair.id}`);
    expect((await post('pipelines/shop/repairs', { run: run.id }).expect(409)).body).toMatchObject({ code: 'RUN_ACTIVE', runId: repair.id });
    await store.endRun(repair.id, 'succeeded', null);
    await post('pipelines/shop/repairs', { table: 'public.items', keys: [['1'], ['2']], of: 'history' }).expect(201);
    expect(gateway.asked).toEqual([{ reason: 'repair', runId: run.id }, { reason: 'repair', runId: run.id }, { reason: 'repair', table: 'public.items', keys: [['1'], ['2']], of: 'history' }]);
  });

  test.each<[string, object, number, string]>([
    ['nothing', {}, 400, 'REQUEST_INVALID'],
    ['a run and keys', { run: NOBODY, table: 'public.items', keys: [['1']] }, 400, 'REQUEST_INVALID'],
    ['a table without keys', { table: 'public.items' }, 400, 'REQUEST_INVALID'],
    ['no keys', { table: 'public.items', keys: [] }, 400, 'REQUEST_INVALID'],
    ['an unknown run', { run: NOBODY }, 404, 'RUN_UNKNOWN'],
    ['an unknown table', { table: 'public.nope', keys: [['1']] }, 404, 'TABLE_UNKNOWN'],
    ['a key of two cells', { table: 'public.items', keys: [['1'], ['1', '2']] }, 422, 'KEY_INVALID'],
  ])('of %s are refused', async (_what, body, status, code) => {
    const answer = await post('pipelines/shop/repairs', body).expect(status);
    expect(shaped('Problem', answer.body)).toMatchObject({ code });
    expect(gateway.asked).toEqual([]);
  });

  test('of a stopped table are refused: only a preload mends it', async () => {
    gateway.phases.set('public.items', 'stopped');
    expect((await post('pipelines/shop/repairs', { table: 'public.items', keys: [['1']] }).expect(409)).body).toMatchObject({ code: 'TABLE_NOT_LIVE', detail: expect.stringContaining('stopped') });
  });
});

describe('dead letters', () => {
  test('are listed without values but the key, by table, reason, state and page', async () => {
    const first = await park({ row: ['5', 'secret value'] });
    const second = await park({ table: 'public.items', code: 'POISON' });
    const all = await read('pipelines/shop/dead-letters');
    expect(all.map((l) => shaped('DeadLetter', l)['id'])).toEqual([second, first]);
    expect(JSON.stringify(all)).not.toContain('secret value');
    expect(all[1]).toMatchObject({ table: 'public.orders', key: ['5'], state: 'parked', code: 'VALUE_OUT_OF_RANGE', position: '0a', committedAt: '2023-11-14T22:13:20.000Z' });
    const ids = async (query: string) => (await read(`pipelines/shop/dead-letters?${query}`)).map((l) => l['id']);
    expect(await ids('table=public.orders')).toEqual([first]);
    expect(await ids('code=POISON&state=parked')).toEqual([second]);
    expect(await ids('state=replayed')).toEqual([]);
    expect(await ids(`limit=1&after=${second}`)).toEqual([first]);
    const counts = await read('pipelines/shop/dead-letters/counts');
    expect(counts.map((c) => shaped('DeadLetterCount', c))).toEqual([
      { table: 'public.items', code: 'POISON', state: 'parked', count: 1 },
      { table: 'public.orders', code: 'VALUE_OUT_OF_RANGE', state: 'parked', count: 1 },
    ]);
  });

  test('one is shown with its bytes and the cells it carries, by the columns of the warehouse', async () => {
    const id = await park({ row: ['5'] });
    const shown = shaped('DeadLetterDetail', (await http().get(`/api/v1/dead-letters/${id}`).expect(200)).body);
    expect(shown).toMatchObject({ id, bytes: 'AP8=', row: { id: '5' }, unknown: [] });
    const unknown = shaped('DeadLetterDetail', (await http().get(`/api/v1/dead-letters/${await park({ row: [{ unknown: true }] })}`)).body);
    expect(unknown).toMatchObject({ row: {}, unknown: ['id'] });
    // Columns were added or dropped since: a wrong name would be worse than none.
    expect((await http().get(`/api/v1/dead-letters/${await park({ row: ['5', null] })}`)).body).toMatchObject({ row: { '#1': '5', '#2': null }, unknown: [] });
    expect((await http().get(`/api/v1/dead-letters/${await park({ op: 'delete' })}`)).body).toMatchObject({ row: null, unknown: [] });
  });

  test.each(['nope', NOBODY])('an unknown one (%s) is answered so', async (id) => {
    expect(shaped('Problem', (await http().get(`/api/v1/dead-letters/${id}`).expect(404)).body)).toMatchObject({ code: 'DEAD_LETTER_UNKNOWN' });
  });

  test('are replayed by id, by table and reason, or all', async () => {
    const id = await park();
    for (const body of [{ ids: [id] }, { table: 'public.orders', code: 'VALUE_OUT_OF_RANGE' }, { all: true }]) {
      const run = shaped<{ id: string }>('RepairRun', (await post('pipelines/shop/dead-letters/replay', body).expect(201)).body);
      expect(run).toMatchObject({ reason: 'replay', stages: ['repair'], keys: 1, leftOut: 0 });
      await gateway.services.store.endRun(run.id, 'succeeded', null);
    }
    const base = { reason: 'replay', pipeline: 'shop', state: 'parked' };
    expect(gateway.asked).toEqual([{ ...base, ids: [id] }, { ...base, table: 'public.orders', code: 'VALUE_OUT_OF_RANGE' }, base]);
  });

  test('are discarded with a reason, which is kept', async () => {
    const id = await park();
    await park({ table: 'public.items' });
    expect(shaped('DeadLettersDiscarded', (await post('pipelines/shop/dead-letters/discard', { table: 'public.orders', reason: 'a test order' }).expect(200)).body)).toEqual({ discarded: 1 });
    expect((await http().get(`/api/v1/dead-letters/${id}`)).body).toMatchObject({ state: 'discarded', note: 'a test order', settledAt: expect.any(String) });
    expect((await post('pipelines/shop/dead-letters/replay', { ids: [id] }).expect(409)).body).toMatchObject({ code: 'DEAD_LETTER_SETTLED', detail: expect.stringContaining('discarded') });
    expect((await post('pipelines/shop/dead-letters/discard', { all: true, reason: 'x' })).body).toEqual({ discarded: 1 });
  });

  test.each<[string, object, number, string]>([
    ['nothing', {}, 400, 'REQUEST_INVALID'],
    ['ids and all', { ids: [NOBODY], all: true }, 400, 'REQUEST_INVALID'],
    ['all but false', { all: false }, 400, 'REQUEST_INVALID'],
    ['an id that is none', { ids: ['5'] }, 400, 'REQUEST_INVALID'],
    ['an unknown id', { ids: [NOBODY] }, 404, 'DEAD_LETTER_UNKNOWN'],
    ['an unknown table', { table: 'public.nope' }, 404, 'TABLE_UNKNOWN'],
  ])('a choice of %s is refused', async (_what, body, status, code) => {
    expect(shaped('Problem', (await post('pipelines/shop/dead-letters/replay', body).expect(status)).body)).toMatchObject({ code });
    expect((await post('pipelines/shop/dead-letters/discard', { ...body, reason: 'x' }).expect(status)).body).toMatchObject({ code });
  });

  test('are not discarded without a reason', async () => {
    for (const body of [{ all: true }, { all: true, reason: '  ' }]) expect((await post('pipelines/shop/dead-letters/discard', body).expect(400)).body).toMatchObject({ errors: [{ path: 'reason' }] });
  });
});

describe('schema changes', () => {
  const note = (state: 'followed' | 'proposed', of = 'public.orders') =>
    gateway.services.store.addSchemaChange({ pipeline: 'shop', table: of, state, change: { added: ['note'], dropped: [], widened: [], obstacles: state === 'proposed' ? ['its key changed'] : [] } });

  test('are listed newest first, by table and state', async () => {
    const followed = await note('followed');
    const proposed = await note('proposed', 'public.items');
    const all = await read('pipelines/shop/schema-changes');
    expect(all.map((c) => shaped('SchemaChange', c)['id'])).toEqual([proposed.id, followed.id]);
    expect(all[0]).toMatchObject({ table: 'public.items', state: 'proposed', added: ['note'], obstacles: ['its key changed'], decidedAt: null });
    expect((await read('pipelines/shop/schema-changes?state=followed')).map((c) => c['id'])).toEqual([followed.id]);
    expect(await read('pipelines/shop/schema-changes?table=public.nope')).toEqual([]);
  });

  test('a proposed one is accepted, which starts a run, and then decided', async () => {
    const { id } = await note('proposed');
    const run = shaped<{ id: string }>('Run', (await post(`schema-changes/${id}/accept`).expect(201)).body);
    expect(run).toMatchObject({ reason: 'schema-change' });
    expect((await post(`schema-changes/${id}/decline`).expect(409)).body).toMatchObject({ code: 'SCHEMA_CHANGE_DECIDED', detail: expect.stringContaining('accepted') });
  });

  test('is not accepted while tables are loaded', async () => {
    const { id } = await note('proposed');
    const load = await gateway.services.store.createRun({ pipeline: 'shop', reason: 'manual', tables: [] });
    expect((await post(`schema-changes/${id}/accept`).expect(409)).body).toMatchObject({ code: 'RUN_ACTIVE', runId: load.id });
  });

  test('a proposed one is declined', async () => {
    const { id } = await note('proposed');
    expect(shaped('SchemaChange', (await post(`schema-changes/${id}/decline`).expect(200)).body)).toMatchObject({ id, state: 'declined', decidedAt: expect.any(String) });
  });

  test('one that was followed needs no decision, an unknown one has none', async () => {
    const { id } = await note('followed');
    expect((await post(`schema-changes/${id}/accept`).expect(409)).body).toMatchObject({ code: 'SCHEMA_CHANGE_DECIDED', table: 'public.orders' });
    for (const unknown of [NOBODY, '5']) expect((await post(`schema-changes/${unknown}/accept`).expect(404)).body).toMatchObject({ code: 'SCHEMA_CHANGE_UNKNOWN' });
  });
});

describe('a reset', () => {
  test('starts a run once the name of the pipeline is sent with it', async () => {
    expect(shaped('Run', (await post('pipelines/shop/reset', { confirm: 'shop' }).expect(201)).body)).toMatchObject({ reason: 'reset', state: 'pending' });
    expect(gateway.asked).toEqual([{ reason: 'reset', dropData: false }]);
  });

  test('may be of some tables, and drop them', async () => {
    await post('pipelines/shop/reset', { confirm: 'shop', dropData: true, tables: ['public.items', 'public.items'] }).expect(201);
    expect(gateway.asked).toEqual([{ reason: 'reset', dropData: true, tables: ['public.items'] }]);
  });

  test.each<[string, object, number, string]>([
    ['the word', {}, 400, 'REQUEST_INVALID'],
    ['the right word', { confirm: 'SHOP' }, 400, 'CONFIRMATION_WRONG'],
    ['a known table', { confirm: 'shop', tables: ['public.nope'] }, 404, 'TABLE_UNKNOWN'],
    ['any table', { confirm: 'shop', tables: [] }, 400, 'REQUEST_INVALID'],
  ])('without %s is refused', async (_what, body, status, code) => {
    expect(shaped('Problem', (await post('pipelines/shop/reset', body).expect(status)).body)).toMatchObject({ code });
    expect(gateway.asked).toEqual([]);
  });
});

test.each(['repairs', 'reset', 'dead-letters/replay', 'dead-letters/discard'])('an unknown pipeline has no %s', async (path) => {
  const body = { repairs: { run: NOBODY }, reset: { confirm: 'nope' }, 'dead-letters/replay': { all: true }, 'dead-letters/discard': { all: true, reason: 'x' } }[path] ?? {};
  expect((await post(`pipelines/nope/${path}`, body).expect(404)).body.code).toBe('PIPELINE_UNKNOWN');
});

test.each(['validations', 'dead-letters', 'dead-letters/counts', 'schema-changes'])('an unknown pipeline has no %s to list', async (path) => {
  expect((await http().get(`/api/v1/pipelines/nope/${path}`).expect(404)).body.code).toBe('PIPELINE_UNKNOWN');
});
