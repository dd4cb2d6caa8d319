import { derivedHistoryContract, event, itemsWithHistory, padding, preload, versions, WarehouseFixture } from '@elstream/warehouse-contract';
import { Client } from 'pg';
import { postgres } from '../product.fixture';

derivedHistoryContract(postgres);

describe('derived history of a process that may be stopped anywhere (R2)', () => {
  afterEach(() => jest.restoreAllMocks());

  it('is not copied in while the transaction is open: no timeout ends a COPY whose client sends nothing more', async () => {
    const items = itemsWithHistory(postgres);
    const fx = await WarehouseFixture.of(postgres);
    try {
      await preload(fx, items, [['1', 'one', null]]);
      const said: string[] = [];
      const query = Reflect.get(Client.prototype, 'query') as (...given: unknown[]) => unknown;
      jest.spyOn(Client.prototype, 'query').mockImplementation(function (this: Client, ...given: unknown[]) {
        const [what] = given as [string | { readonly text?: string; readonly cursor?: { readonly text: string } }];
        said.push((typeof what === 'string' ? what : (what.text ?? what.cursor?.text ?? '')).trim().split(/\s+/, 1)[0]?.toUpperCase() ?? '');
        return Reflect.apply(query, this, given);
      } as never);
      await fx.apply(items, [...padding(items, 10, 300), event.update(items, 10, ['1', 'uno', 'a "quoted" \\ one, (with) brackets'])]);
      await fx.apply(items, [...padding(items, 11, 300), event.update(items, 11, ['1', '', null])]);
      const begins = said.flatMap((word, i) => (word === 'START' || word === 'BEGIN' ? [i] : []));
      expect(begins.length).toBeGreaterThanOrEqual(2);
      expect(said).toContain('COPY');
      for (const begin of begins) expect(said.slice(begin, said.indexOf('COMMIT', begin))).not.toContain('COPY');
      expect((await versions(fx)).map(({ row }) => row)).toEqual([['1', 'one', null], ['1', 'uno', 'a "quoted" \\ one, (with) brackets']]);
    } finally {
      await fx.drop();
    }
  });
});
