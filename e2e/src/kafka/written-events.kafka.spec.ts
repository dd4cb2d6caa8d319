import type { TableMapping } from '@elstream/core';
import { WrittenEvents, type WrittenChange } from './written-events.fixture';

jest.setTimeout(120_000);

const ITEM: TableMapping = {
  id: 'dbo.item',
  source: { schema: 'dbo', name: 'item' },
  target: { schema: 'dbo', name: 'item' },
  columns: [
    { source: 'id', target: 'id', type: { kind: 'integer', bits: 32 }, native: 'int', targetType: 'pg_catalog.int4', nullable: false, mask: null },
    { source: 'v', target: 'v', type: { kind: 'text', maxLength: null, padded: false }, native: 'nvarchar(100)', targetType: 'pg_catalog.text', nullable: true, mask: null },
  ],
  key: [0],
  chunkRows: 1_000,
  history: { kind: 'derived', target: { schema: 'dbo', name: 'item_archive' }, source: null, period: null },
};

const change = (op: WrittenChange['op'], [commit, lsn]: readonly [number, number], id: number, v: string): WrittenChange => ({ op, commit, change: lsn, row: { id, v } });

/** Positions inside of a transaction may fall (contract §3.2). */
const ONCE = [
  change('c', [16, 1], 1, 'a'),
  change('c', [16, 2], 2, 'x'),
  change('u', [17, 4], 1, 'b'),
  change('u', [17, 3], 1, 'c'),
  change('d', [18, 1], 2, 'x'),
  change('c', [18, 2], 3, 'z'),
];
const LAST = change('u', [19, 1], 3, 'zz');

describe('events of SQL Server that are written to their topic again', () => {
  it('leave rows, history and counts as they are: at once, in later batches, and after a restart from the checkpoint', async () => {
    await using world = await WrittenEvents.open(ITEM);
    await world.begin();
    await world.write([...ONCE, LAST], 0);
    await world.caughtUp();
    const held = {
      rows: ['1 c', '3 zz'],
      history: ['1 a 16-17', '1 b 17-17', '2 x 16-18 deleted', '3 z 18-19'],
      eventsApplied: 7,
    };
    expect(await world.holds()).toEqual(held);
    expect(world.batches.length).toBeGreaterThan(2);

    // Other offsets, the connector's clock later: all that a re-emission changes.
    await world.write(ONCE, 1);
    await world.caughtUp();
    expect(await world.holds()).toEqual(held);

    // Between them a new one, whose batch begins with old ones.
    await world.write([...ONCE.slice(4), LAST, change('u', [20, 1], 1, 'd')], 2);
    await world.caughtUp();
    // The one of 19 is of the highest transaction, which may have been cut there: it is applied again, and changes nothing.
    const more = { rows: ['1 d', '3 zz'], history: ['1 a 16-17', '1 b 17-17', '1 c 17-20', '2 x 16-18 deleted', '3 z 18-19'], eventsApplied: 9 };
    expect(await world.holds()).toEqual(more);

    await world.end();
    await world.write([...ONCE, LAST], 3);
    await world.begin();
    await world.caughtUp();
    expect(await world.holds()).toEqual(more);
    await world.write([change('d', [21, 1], 3, 'zz')], 0);
    await world.caughtUp();
    expect(await world.holds()).toEqual({ rows: ['1 d'], history: [...more.history, '3 zz 19-21 deleted'], eventsApplied: 10 });
  });
});
