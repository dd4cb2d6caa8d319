import { HARD_INPUTS } from './hard-inputs.fixture';
import { RoundTrip, SLOW_TEST_MS } from './roundtrip.fixture';

jest.setTimeout(SLOW_TEST_MS);

describe('hard inputs through preload and stream', () => {
  let trip: RoundTrip;

  /** All inputs share one pipeline, as they would share a database; each is changed and compared by its own test. */
  beforeAll(async () => {
    trip = await RoundTrip.open(HARD_INPUTS.flatMap((input) => input.setup), 'defaults: { chunkRows: 100 }');
  });
  afterAll(async () => {
    await trip[Symbol.asyncDispose]();
  });

  it('are preloaded and validated equal', async () => {
    expect(await trip.preload()).toMatchObject({ differences: 0, unverified: 0 });
    expect([...(await trip.tables())].sort()).toEqual(HARD_INPUTS.flatMap((input) => input.tables).sort());
    for (const table of await trip.tables()) expect(await trip.differences(table)).toEqual([]);
  });

  it.each(HARD_INPUTS.map((input) => [input.name, input] as const))('%s', async (_name, { tables, stream }) => {
    for (const round of stream) {
      await trip.stream(...round);
      for (const table of tables) expect(await trip.differences(table)).toEqual([]);
    }
  });

  it('are compared by something that sees a damaged, a missing and an extra row', async () => {
    await trip.warehouse.query(`UPDATE toast_full SET big = big || ' ' WHERE id = 1; DELETE FROM trunc_c; INSERT INTO empty_ever (id, __elstream_epoch) VALUES (1, 1)`);
    expect((await trip.differences('public.toast_full')).join()).toMatch(/id \["1"\]: big is/);
    expect((await trip.differences('public.trunc_c')).join()).toMatch(/missing/);
    expect((await trip.differences('public.empty_ever')).join()).toMatch(/extra/);
  });
});
