import { event, WarehouseFixture, type WarehouseProduct } from '../fixture';
import { asOf, begins, itemsWithHistory, padding, preload, versions } from './history.fixture';
import { asTexts, HistoryModel } from './workload.fixture';

const START = [['1', 'one', 'b1'], ['2', 'two', 'b2'], ['3', 'three', null]];

/** R13: derived history under a random workload. */
export function historyWorkloadContract(product: WarehouseProduct): void {
  const items = itemsWithHistory(product);

  describe('derived history under a random workload', () => {
    let fx: WarehouseFixture;
    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
      await preload(fx, items, START);
    });
    afterEach(async () => {
      await fx.drop();
    });

    const WAYS = [
      ['small writes', 1, () => 0],
      ['bulk writes', 1, () => 250],
      ['both in turn', 2, (batch: number) => (batch % 2) * 250],
      ['both in turn', 3, (batch: number) => (batch % 3 === 0 ? 250 : 0)],
    ] as const;
    const worked = async (seed: number, pads: (batch: number) => number): Promise<HistoryModel> => {
      const model = new HistoryModel(items, seed, START);
      for (let batch = 0; batch < 12; batch += 1) {
        const events = model.batch(25);
        const [first] = events;
        const at = first === undefined || first.op === 'counter' ? 0 : Number(first.tx.committedAtUs);
        // before the events: a truncate among them takes the padding too
        expect(await fx.apply(items, [...padding(items, at, pads(batch)), ...events])).toMatchObject({ outcome: 'applied' });
      }
      return model;
    };

    it.each(WAYS)('by %s (seed %i) holds each superseded version once', async (_name, seed, pads) => {
      const model = await worked(seed, pads);
      expect(asTexts(await versions(fx))).toEqual(asTexts(model.versions));
      expect(await begins(fx)).toEqual(Object.fromEntries([...model.live].map(([id, l]) => [id, l.from])));
      expect(await fx.warehouse.checkHistory(items)).toMatchObject({ holes: 0, approximate: 0 });
    });

    for (const [name, seed, pads] of WAYS) {
      product.itWith('hundred-nanoseconds', `by ${name} (seed ${String(seed)}) shows any time again`, async () => {
        const model = await worked(seed, pads);
        for (let t = 90; t <= model.now + 2; t += 9) expect({ t, rows: await asOf(fx, t) }).toEqual({ t, rows: model.asOf(t) });
      });
    }

    it('a version taken away by hand is found as a hole', async () => {
      await fx.apply(items, [event.update(items, 10, ['1', 'a', null]), event.update(items, 11, ['1', 'b', null]), event.update(items, 12, ['1', 'c', null])]);
      await fx.test.query(`DELETE FROM target.items_archive WHERE name = 'a'`);
      expect(await fx.warehouse.checkHistory(items)).toEqual({ versions: 2, holes: 1, approximate: 0 });
      await fx.test.query(`DELETE FROM target.items_archive WHERE name = 'b'`);
      expect(await fx.warehouse.checkHistory(items)).toEqual({ versions: 1, holes: 1, approximate: 0 });
    });
  });
}
