import { ElstreamError, silentLogger, StreamOffset, type ChangeEvent, type TableMapping } from '@elstream/core';
import { at, begin, commit, frame, insert, keepalive, message, relation, truncate, update } from './messages.fixture';
import { RelationRouter, type PartitionCatalog } from './relation-router';
import { brief, mappingOf, mappingsOf } from './stream.fixture';
import { TransactionAssembler } from './transaction-assembler';

const t = mappingOf('t', ['id'], ['id']);
const p = mappingOf('p', ['id'], ['id']);
const catalog: PartitionCatalog = { rootOf: (oid) => Promise.resolve(oid === 11 || oid === 12 ? 'public.p' : null), leavesOf: () => Promise.resolve(new Set([11, 12])), columnsOf: () => Promise.resolve([]) };

interface Given {
  readonly router?: RelationRouter;
  readonly reshaped?: (table: string) => void;
  readonly mapped?: readonly TableMapping[];
  readonly events?: ChangeEvent[];
}

async function assemble(bodies: readonly Buffer[], from: readonly [bigint, number], given: Given = {}): Promise<{ events: ChangeEvent[]; next: string; moves: number }> {
  const { router = new RelationRouter(catalog, silentLogger), reshaped = () => undefined, mapped = [t, p], events = [] } = given;
  const assembler = new TransactionAssembler({ from: offset(...from), router, counterPrefix: 'c', reshaped });
  assembler.useMappings(mappingsOf(...mapped));
  for (const body of bodies) await assembler.handle(body, { push: (event) => events.push(event) });
  return { events, next: assembler.next.hex, moves: assembler.moves };
}

const offset = (lsn: bigint, index: number): StreamOffset => StreamOffset.direct(at(lsn), index);
const wrap = (bodies: readonly Buffer[]): Buffer[] => bodies.map(frame);
/** Two transactions, the second committing exactly where the first one ended. */
const adjacent = wrap([
  begin(100n),
  relation(1, 't', ['id']),
  relation(2, 'unmapped', ['id']),
  insert(1, ['a']),
  insert(2, ['-']),
  insert(1, ['b']),
  commit(100n, 150n),
  begin(150n),
  insert(1, ['c']),
  insert(1, ['d']),
  commit(150n, 200n),
]);

describe('offsets', () => {
  it.each<[string, readonly [bigint, number], string[], readonly [bigint, number]]>([
    ['before everything', [1n, 0], ['a', 'b', 'c', 'd'], [200n, 0]],
    ['at the first commit', [100n, 0], ['a', 'b', 'c', 'd'], [200n, 0]],
    ['inside the first transaction', [100n, 1], ['b', 'c', 'd'], [200n, 0]],
    ['behind its unmapped row', [100n, 2], ['b', 'c', 'd'], [200n, 0]],
    ['behind its last row', [100n, 3], ['c', 'd'], [200n, 0]],
    ['at its end, where the second one commits', [150n, 0], ['c', 'd'], [200n, 0]],
    ['inside the second', [150n, 1], ['d'], [200n, 0]],
    ['behind both', [200n, 0], [], [200n, 0]],
    ['far ahead', [999n, 4], [], [999n, 4]],
  ])('a start %s drops exactly what lies below', async (_name, from, cells, next) => {
    const result = await assemble(adjacent, from);
    expect(brief(result.events)).toEqual(cells.map((cell) => ['+', cell]));
    expect(result.next).toBe(offset(...next).hex);
  });

  it('in the middle of a transaction name its next event, unmapped ones counted', async () => {
    const steps: [number, [bigint, number]][] = [[4, [100n, 1]], [5, [100n, 2]], [6, [100n, 3]], [7, [150n, 0]], [8, [150n, 0]], [9, [150n, 1]]];
    for (const [count, expected] of steps) {
      expect((await assemble(adjacent.slice(0, count), [1n, 0])).next).toBe(offset(...expected).hex);
    }
  });

  it('count a truncate once per relation and a message once, whoever they concern', async () => {
    const bodies = wrap([begin(10n), relation(1, 't', ['id']), relation(2, 'u', ['id']), truncate(2, 1), message('x', 'y'), message('c', '-9223372036854775808'), message('c', '1', false)]);
    const { events, next } = await assemble(bodies, [1n, 0]);
    expect(events.map((event) => (event.op === 'counter' ? event.value : event.op))).toEqual(['truncate', -9223372036854775808n]);
    expect(next).toBe(offset(10n, 4).hex);
    expect((await assemble(bodies, [10n, 1])).events).toHaveLength(2);
    expect((await assemble(bodies, [10n, 2])).events).toHaveLength(1);
  });

  it('follow a keepalive between transactions, never back and never inside one', async () => {
    const open = frame(begin(300n));
    expect((await assemble([keepalive(250n)], [200n, 3])).next).toBe(offset(250n, 0).hex);
    expect((await assemble([keepalive(200n)], [200n, 3])).next).toBe(offset(200n, 3).hex);
    expect((await assemble([open, keepalive(299n)], [200n, 0])).next).toBe(offset(200n, 0).hex);
  });

  it.each<[string, Buffer[]]>([
    ['a row outside a transaction', wrap([relation(1, 't', ['id']), insert(1, ['a'])])],
    ['a row of a relation never described', wrap([begin(1n), insert(99, ['a'])])],
    ['a transaction inside another', wrap([begin(1n), begin(2n)])],
    ['a commit alone', wrap([commit(1n, 2n)])],
    ['bytes of no known message', [Buffer.from('?')]],
    ['a counter of ours that is no number', wrap([begin(1n), message('c', 'x')])],
  ])('stop at %s', async (_name, frames) => {
    await expect(assemble(frames, [1n, 0])).rejects.toMatchObject({ code: 'STREAM_UNDECODABLE', recovery: 'stop' });
  });

  it('go on behind a row that cannot be decoded or has no key, which is poison in its place', async () => {
    const { events, next } = await assemble(wrap([begin(10n), relation(1, 't', ['id']), insert(1, ['a']), insert(1, [null]), insert(1, ['b', 'c']), insert(1, ['d'])]), [1n, 0]);
    expect(brief(events)).toEqual([['+', 'a'], ['!', 'STREAM_KEY_MISSING'], ['!', 'STREAM_UNDECODABLE'], ['+', 'd']]);
    expect(events[2]).toMatchObject({ table: 'public.t', key: null, reason: expect.stringContaining('a tuple of 2 columns') as string, bytes: Uint8Array.from(insert(1, ['b', 'c']).subarray(5)) });
    expect(next).toBe(offset(10n, 4).hex);
  });

  it('keep no bytes of poison of a table with masked columns, for they are clear', async () => {
    const masked = mappingOf('t', ['id'], ['id', { name: 'ssn', mask: { kind: 'null' } }]);
    const { events } = await assemble(wrap([begin(10n), relation(1, 't', ['id', 'ssn']), insert(1, [null, 'secret'])]), [1n, 0], { mapped: [masked] });
    expect(events).toMatchObject([{ op: 'poison', code: 'STREAM_KEY_MISSING', bytes: new Uint8Array(), reason: expect.stringContaining('masked columns') as string }]);
  });
});

describe('partitions', () => {
  const described = [begin(10n), relation(11, 'p_1', ['id']), relation(12, 'p_2', ['id']), relation(1, 't', ['id'])];

  it('are led back to their root, and a truncate of all is one of the root', async () => {
    const { events } = await assemble(wrap([...described, insert(11, ['a']), insert(12, ['b']), truncate(11, 1, 12)]), [1n, 0]);
    expect(brief(events)).toEqual([['+', 'a'], ['+', 'b'], ['x', 'public.p'], ['x', 'public.t']]);
  });

  it('truncated one by one stop the stream', async () => {
    await expect(assemble(wrap([...described, truncate(12)]), [1n, 0])).rejects.toMatchObject({ code: 'STREAM_PARTITION_TRUNCATED', message: expect.stringContaining('public.p_2') as string });
  });

  it('dropped since they were last seen still belong to their root', async () => {
    let known: string | null = 'public.p';
    const router = new RelationRouter({ ...catalog, rootOf: () => Promise.resolve(known) }, silentLogger);
    await assemble(wrap([begin(1n), relation(11, 'p_1', ['id'])]), [1n, 0], { router });
    known = null;
    const { events } = await assemble(wrap([begin(2n), relation(11, 'p_1', ['id']), insert(11, ['a'])]), [1n, 0], { router });
    expect(brief(events)).toEqual([['+', 'a']]);
  });
});

describe('a changed relation', () => {
  it('is told where columns came, went or changed, and stops at a rename that would hide the table', async () => {
    const router = new RelationRouter(catalog, silentLogger);
    const told: string[] = [];
    const shapes = [['id'], ['id', 'new'], ['id', 'new'], ['id', ['new', 23, -1] as const]];
    await assemble(wrap([begin(1n), ...shapes.map((columns) => relation(1, 't', columns))]), [1n, 0], { router, reshaped: (table) => told.push(table) });
    expect(told).toEqual(['public.t', 'public.t']);
    await expect(assemble(wrap([relation(1, 'renamed', ['id'])]), [1n, 0], { router })).rejects.toBeInstanceOf(ElstreamError);
  });

  const n = mappingOf('n', ['id'], ['id', { name: 'v', type: { kind: 'integer', bits: 32 } }]);
  const wide = [begin(0x10n), relation(3, 'n', ['id', ['v', 23, -1]]), insert(3, ['a', '1']), relation(3, 'n', ['id', ['v', 20, -1]]), insert(3, ['b', '5000000000'])];

  it('stops while its type does not fit, with the table and behind all that came before', async () => {
    const columnsOf = () => Promise.resolve([{ name: 'id', typeOid: 25, typmod: -1, identity: true }, { name: 'v', typeOid: 20, typmod: -1, identity: false }]);
    const router = new RelationRouter({ ...catalog, columnsOf }, silentLogger);
    const events: ChangeEvent[] = [];
    const failing = assemble(wrap(wide), [1n, 0], { router, mapped: [n], events });
    await expect(failing).rejects.toMatchObject({ code: 'STREAM_SCHEMA_CHANGED', recovery: 'stop', place: { table: 'public.n', position: '0/10' } });
    expect(brief(events)).toEqual([['+', 'a', '1']]);
  });

  it('parks the rows of a shape that the source no longer has, by their keys', async () => {
    const columnsOf = () => Promise.resolve([{ name: 'id', typeOid: 25, typmod: -1, identity: true }, { name: 'v', typeOid: 23, typmod: -1, identity: false }]);
    const router = new RelationRouter({ ...catalog, columnsOf }, silentLogger);
    const { events } = await assemble(wrap([...wide, update(3, ['c', '7'], ['K', ['b', null]]), relation(3, 'n', ['id', ['v', 23, -1]]), insert(3, ['d', '2'])]), [1n, 0], { router, mapped: [n] });
    expect(events.map((event) => (event.op === 'poison' ? [event.code, event.key] : event.op))).toEqual(['insert', ['STREAM_SCHEMA_CHANGED', ['b']], ['STREAM_SCHEMA_CHANGED', ['b']], ['STREAM_SCHEMA_CHANGED', ['c']], 'insert']);
  });
});
