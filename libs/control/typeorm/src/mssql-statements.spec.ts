import { recordingStore } from './recorded-statements.fixture';

const RUN = '00000000-0000-0000-0000-000000000001';

describe('what is sent to SQL Server', () => {
  it('has few parameters however many tasks are added: they travel as JSON, a thousand at a time', async () => {
    const { store, sent } = await recordingStore();
    const tasks = Array.from({ length: 2_001 }, (_, n) => ({ kind: 'preload-chunk', table: "o'clock", epoch: 1, payload: { n } }) as const);
    expect(await store.addTasks(RUN, tasks)).toHaveLength(2_001);
    const inserts = sent.filter(({ sql }) => sql.startsWith('INSERT'));
    expect(inserts.map(({ parameters }) => parameters.length)).toEqual([1, 1, 1]);
    const rows = inserts.flatMap(({ parameters: [json] }) => JSON.parse((json as { value: string }).value) as { ordinal: number; tableId: string }[]);
    expect(rows.map((row) => row.ordinal)).toEqual(tasks.map((_, n) => n));
    expect(new Set(rows.map((row) => row.tableId))).toEqual(new Set(["o'clock"]));
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
