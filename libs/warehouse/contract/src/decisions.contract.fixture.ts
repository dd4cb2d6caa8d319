import { decide, mayFill, type Standing } from '@elstream/core';
import { LogPosition } from '@elstream/core';
import { event, mappingOf, WarehouseFixture, type WarehouseProduct } from './fixture';

/** R4, R5: the set-based statements decide as core `version.ts` does. */
export function decisionsContract(product: WarehouseProduct): void {
  const items = mappingOf(product, 'items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'text']]);

  /**
   * The SQL of the hot paths states what `decide` and `mayFill` say: every combination of what stands at a key (row or
   * marker, older, this or — for fills — newer epoch, preload or stream, position below, at or above the write) is put
   * into the tables by hand, one key each, then written to in one statement.
   */
  describe.each([['small', 0], ['bulk', 300]])('the SQL decisions equal the pure ones (%s)', (_name, padding) => {
    const EPOCH = 5;
    const POSITION = 100;
    const versions = [3, 4, 5].flatMap((e) => [null, 0, 99, 100, 101].map((position) => ({ epoch: e, position })));
    const cases: Standing[] = [
      { is: 'nothing' },
      ...(['row', 'marker'] as const).flatMap((is) =>
        versions
          .filter((v) => !(is === 'marker' && v.position === null))
          .map(({ epoch, position }): Standing => ({
            is,
            version: { epoch, kind: position === null ? 'preload' : 'stream', position: position === null || position === 0 ? LogPosition.ZERO : LogPosition.fromBigInt(BigInt(position), 8) },
          })),
      ),
    ];
    let fx: WarehouseFixture;

    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
      const { runId } = await fx.beginPreload(items);
      await fx.test.query(`UPDATE elstream.table_state SET epoch = ${String(EPOCH)}`);
      for (const [id, stands] of cases.entries()) {
        if (stands.is === 'nothing') continue;
        const position = stands.version.kind === 'preload' ? 'NULL' : product.bytes(stands.version.position.toBytes());
        if (stands.is === 'row') await fx.test.query(`INSERT INTO target.items VALUES (${String(id)}, 'standing', ${String(stands.version.epoch)}, ${position})`);
        else await fx.test.query(`INSERT INTO ${fx.test.markerTable(items)} VALUES (${String(id)}, ${String(stands.version.epoch)}, ${position})`);
      }
      expect(runId).toBeDefined();
    });
    afterEach(async () => {
      await fx.drop();
    });
    const names = async (): Promise<Map<number, string>> => new Map((await fx.rows(items)).map((r) => [Number(r?.[0]), r?.[1] ?? '']));
    const padded = Array.from({ length: padding }, (_, i) => event.insert(items, POSITION, [String(10_000 + i), 'pad']));
    const write = { epoch: EPOCH, kind: 'stream', position: LogPosition.fromBigInt(BigInt(POSITION), 8) } as const;

    it('for upserts', async () => {
      await fx.apply(items, [...padded, ...cases.map((_, id) => event.insert(items, POSITION, [String(id), 'written']))]);
      const found = await names();
      for (const [id, stands] of cases.entries()) {
        const expected = decide(stands, write, null) === 'apply' ? 'written' : stands.is === 'row' ? 'standing' : undefined;
        expect({ stands, name: found.get(id) }).toEqual({ stands, name: expected });
      }
    });

    it('for deletes', async () => {
      await fx.apply(items, [...padded, ...cases.map((_, id) => event.delete(items, POSITION, String(id)))]);
      const found = await names();
      for (const [id, stands] of cases.entries()) {
        const expected = stands.is === 'row' && decide(stands, write, null) === 'ignore' ? 'standing' : undefined;
        expect({ stands, name: found.get(id) }).toEqual({ stands, name: expected });
      }
    });

    it('for fills', async () => {
      const [run] = await fx.store.readRuns({ limit: 1 });
      const claim = await fx.claimTask(run?.id ?? '', items, EPOCH);
      await fx.loadChunk(items, claim, cases.map((_, id) => [String(id), 'filled']));
      const found = await names();
      for (const [id, stands] of cases.entries()) {
        const expected = mayFill(stands, EPOCH, null) ? 'filled' : stands.is === 'row' ? 'standing' : undefined;
        expect({ stands, name: found.get(id) }).toEqual({ stands, name: expected });
      }
    });
  });
}
