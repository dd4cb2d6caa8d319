import { foldBatch, LogPosition, type ChangeEvent } from '@elstream/core';
import { eventually } from '@elstream/testing';
import net from 'node:net';
import { at, brief, int, mappingOf, mappingsOf, offset, Reader, text } from './stream.fixture';
import { postgresEvent, sqlServerEvent, sqlServerPosition, writtenContext } from './written.fixture';

jest.setTimeout(90_000);

const item = mappingOf('item', ['id'], [int('id'), text('v')], 'dbo');
const t = mappingOf('t', ['id'], [int('id'), text('v')]);
const key = (id: number): string => JSON.stringify({ id });

describe('events of SQL Server, written by hand', () => {
  it('takes the commit LSN for the position, so that events written twice are recognised, and the change LSN for the identity', async () => {
    await using context = await writtenContext('sqlserver', [item]);
    const write = (...values: readonly string[]): Promise<void> => context.producer.send(context.topic(item), values.map((value) => ({ key: key(1), value })));
    const once = [sqlServerEvent('c', [16, 1], { id: 1, v: 'a' }), sqlServerEvent('u', [17, 2], { id: 1, v: 'b' }), sqlServerEvent('u', [17, 1], { id: 1, v: 'c' }), sqlServerEvent('u', [18, 9], { id: 1, v: 'd' })];
    await write(...once, ...once.slice(1), sqlServerEvent('r', [18, null], { id: 1, v: 'd' }), sqlServerEvent('d', [19, 3], { id: 1, v: 'd' }));
    const reader = new Reader(await context.stream(), [item], await context.zero()).read();
    await reader.until((events) => events.length === 9, 'all nine');
    expect(reader.events.map(({ tx }) => tx.position.hex)).toEqual([16, 17, 17, 18, 17, 17, 18, 18, 19].map((n) => sqlServerPosition(n).hex));
    expect(reader.events.map((event) => ('change' in event ? event.change : undefined))).toEqual([[16, 1], [17, 2], [17, 1], [18, 9], [17, 2], [17, 1], [18, 9], null, [19, 3]].map((pair) => (pair === null ? undefined : sqlServerPosition(pair[0]!).hex + sqlServerPosition(pair[1]!).hex)));
    // R3: the two of 17 that came again are skipped, the one of 18 is applied again (in a warehouse: e2e, written-events.kafka.spec.ts).
    const folded = foldBatch(reader.events, mappingsOf(item), null);
    expect([folded.skipped, folded.events, folded.highest?.hex]).toEqual([2, 7, sqlServerPosition(19).hex]);
    await reader.stop();
  });

  it('gives poison that tells no position the place of its neighbours, and reads the counter of its pipeline alone', async () => {
    await using context = await writtenContext('sqlserver', [item]);
    const send = (topic: string, ...values: readonly string[]): Promise<void> => context.producer.send(topic, values.map((value) => ({ key: key(1), value })));
    await send(context.topic(item), '{"not', sqlServerEvent('c', [16, 1], { id: 1, v: 'a' }), 'garbage', sqlServerEvent('c', [17, 1], { id: 'NaN', v: 'a' }), sqlServerEvent('c', [18, 1], { id: 2, v: 'x' }, 'other'), sqlServerEvent('u', [18, 1], { v: 'no key' }));
    const counted = (pipeline: string, value: number): string => sqlServerEvent('u', [20, value], { pipeline, value }, 'counter').replace('"dbo"', '"elstream"');
    await send(context.counterTopic, counted(context.name, 1), counted('another', 9), counted(context.name, 2));
    const reader = new Reader(await context.stream(), [item], await context.zero()).read();
    await reader.until((events) => events.length === 8, 'all');
    const events = (op: ChangeEvent['op']): ChangeEvent[] => reader.events.filter((event) => event.op === op);
    expect(events('poison').map((event) => [event.op === 'poison' && event.code, event.tx.position.hex])).toEqual([
      ['DEBEZIUM_MALFORMED', sqlServerPosition(16).hex],
      ['DEBEZIUM_MALFORMED', sqlServerPosition(16).hex],
      ['DEBEZIUM_TYPE', sqlServerPosition(17).hex],
      ['DEBEZIUM_OTHER_TABLE', sqlServerPosition(18).hex],
      ['DEBEZIUM_KEY_MISSING', sqlServerPosition(18).hex],
    ]);
    expect(events('poison').map((event) => event.op === 'poison' && Buffer.from(event.bytes).toString())[0]).toBe('{"not');
    expect(events('counter').map((event) => event.op === 'counter' && [event.value, event.gapless])).toEqual([[1n, true], [2n, true]]);
    // Of its own partition: the counter's events come before or after them.
    const ofTable = reader.events.filter(({ op }) => op !== 'counter');
    expect(foldBatch(ofTable, mappingsOf(item), null).poison).toHaveLength(5);
    await reader.stop();
  });

  it('marks the position itself, when its transaction is complete', async () => {
    await using context = await writtenContext('sqlserver', [item], 2);
    const stream = await context.stream();
    context.says.committed = { position: sqlServerPosition(16), complete: false };
    expect(await stream.mark(sqlServerPosition(16))).toBeNull();
    context.says.committed = { position: sqlServerPosition(16), complete: true };
    const mark = await stream.mark(sqlServerPosition(16));
    expect(mark?.bound(item.id).hex).toBe(sqlServerPosition(16).hex);
    const moment = await stream.moment(sqlServerPosition(16), item.id);
    expect([15, 16, 17].map((n) => moment.mayBeNewer(sqlServerPosition(n)))).toEqual([false, false, true]);
  });
});

describe('a SQL Server source that keeps changes for a time only', () => {
  const committed = { position: sqlServerPosition(16), complete: true };

  it('has a gap where they went before they were delivered; told else are what holds capture up there, and that the time runs out', async () => {
    await using context = await writtenContext('sqlserver', [item]);
    const stream = await context.stream();
    Object.assign(context.says, { committed, budget: 'little is left', capture: { confirmed: sqlServerPosition(16) } });
    expect(await stream.status([])).toMatchObject({ state: 'ready', gap: null, trouble: 'little is left' });
    context.says.capture = { confirmed: sqlServerPosition(17), trouble: 'the job stands still' };
    expect(await stream.status([])).toMatchObject({ gap: expect.stringContaining('cleaned up') as unknown, trouble: 'the job stands still' });
    context.says.capture = { state: 'missing', reason: 'CDC is not enabled' };
    expect(await stream.status([])).toMatchObject({ state: 'missing', gap: 'CDC is not enabled', trouble: null });
  });
});

describe('what a batch holds', () => {
  it('keeps no bytes of poison of a table with masks', async () => {
    const masked = mappingOf('t', ['id'], [int('id'), { ...text('v'), mask: { kind: 'null' } }]);
    await using context = await writtenContext('postgresql', [masked]);
    await context.producer.send(context.topic(masked), [{ key: key(1), value: postgresEvent('c', { id: 'x', v: 'secret' }) }, { key: key(2), value: postgresEvent('c', { id: 2, v: 'secret' }) }]);
    const reader = new Reader(await context.stream(), [masked], await context.zero()).read();
    await reader.until((events) => events.length === 2, 'both');
    expect(JSON.stringify(reader.events.map((event) => ({ ...event, tx: null })))).not.toMatch(/secret/);
    expect(reader.events[0]).toMatchObject({ op: 'poison', bytes: new Uint8Array() });
    await reader.stop();
  });

  it('is bounded in bytes and in events, and covers what was aborted', async () => {
    await using context = await writtenContext('postgresql', [t]);
    const topic = context.topic(t);
    const producer = await context.client.producer({ transactionalId: `x-${context.name}` });
    const records = (first: number, count: number, length: number): { key: string; value: string }[] => Array.from({ length: count }, (_, i) => ({ key: key(first + i), value: postgresEvent('c', { id: first + i, v: 'x'.repeat(length) }) }));
    await producer.transaction(topic, [...records(0, 10, 1_000), ...records(10, 10, 1)], 'commit');
    await producer.transaction(topic, records(100, 5, 1_000), 'abort');
    const batchBytes = 2_500;
    const reader = new Reader(await context.stream({ limits: { batchBytes, batchEvents: 3, sessionTimeoutMs: 6_000 } }), [t], await context.zero()).read();
    await reader.until((events) => events.length === 20, 'the committed');
    // Two of the long ones reach the limit of bytes, of the short ones three that of events.
    expect(reader.batches.map(({ events }) => events.length).filter((count) => count > 0)).toEqual([2, 2, 2, 2, 2, 3, 3, 3, 1]);
    const [long, short] = [reader.batches[0]!.bytes / 2, reader.batches[5]!.bytes / 3];
    expect([long < batchBytes, 2 * long >= batchBytes, 3 * short < batchBytes]).toEqual([true, true, true]);
    // The aborted ones lie at the end, and nothing follows: a mark has to come past them all the same.
    const [end] = await context.client.offsets(topic);
    await eventually(() => Promise.resolve(reader.checkpoints.get(at(topic, 0))!.equals(offset(end!.end))), { timeoutMs: 20_000 });
    context.says.committed = { position: LogPosition.fromBigInt(9n, 8), complete: true };
    expect((await reader.stream.mark(LogPosition.fromBigInt(9n, 8)))?.reachedBy(reader.rows())).toBe(true);
    await reader.stop();
  });

  it('is in hand beside that of another partition, up to as many as are wanted', async () => {
    await using context = await writtenContext('postgresql', [t], 3);
    for (const partition of [0, 1, 2]) await context.producer.send(context.topic(t), [{ key: key(partition), value: postgresEvent('c', { id: partition, v: 'a' }), partition }]);
    const reader = new Reader(await context.stream({ limits: { concurrency: 2, sessionTimeoutMs: 6_000 } }), [t], await context.zero());
    const inHand = new Set<string>();
    const seen: number[] = [];
    let met = (): void => undefined;
    const two = new Promise<void>((resolve) => (met = resolve));
    reader.read({
      onBatch: async (batch, signal) => {
        if (batch.events.length === 0) return reader.apply(batch);
        inHand.add(batch.partition);
        seen.push(inHand.size);
        if (inHand.size === 2) met();
        // Nobody goes on alone.
        await Promise.race([two, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
        inHand.delete(batch.partition);
        return reader.apply(batch);
      },
    });
    await reader.until((events) => events.length === 3, 'all partitions');
    expect(Math.max(...seen)).toBe(2);
    await reader.stop();
  });

  // What kafkajs has fetched of a broker it hands over to the last record before it fetches again: that, and no pause of ours, is what pushes back.
  it('comes of one fetch of so many bytes, and nothing more is fetched while it is in hand (R11)', async () => {
    await using context = await writtenContext('postgresql', [t], 2);
    const value = postgresEvent('c', { id: 1, v: 'x'.repeat(100_000) });
    // Each in a batch of its producer's, which a broker never cuts.
    await Promise.all(Array.from({ length: 40 }, (_, i) => context.producer.send(context.topic(t), [{ key: key(1), value, partition: i % 2 }])));
    const sockets: net.Socket[] = [];
    const connect = net.connect.bind(net) as (...given: unknown[]) => net.Socket;
    const spy = jest.spyOn(net, 'connect').mockImplementation(((...given: unknown[]) => {
      const socket = connect(...given);
      sockets.push(socket);
      return socket;
    }) as typeof net.connect);
    const fetchBytes = 500_000;
    const reader = new Reader(await context.stream({ limits: { fetchBytes, batchBytes: 250_000, concurrency: 2, sessionTimeoutMs: 6_000 } }), [t], await context.zero());
    const received = (): number => sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    const meanwhile: number[] = [];
    const between: number[] = [];
    let last = 0;
    reader.read({
      onBatch: async (batch) => {
        const before = received();
        between.push(before - last);
        last = before;
        // As long as some more fetches would take.
        for (let n = 0; n < 5; n += 1) await context.client.offsets(context.topic(t));
        meanwhile.push(received() - before);
        return reader.apply(batch);
      },
    });
    await reader.until((events) => events.length === 40, 'all');
    spy.mockRestore();
    expect(Math.max(...meanwhile)).toBeLessThan(value.length);
    // Before the first there are other questions.
    expect(Math.max(...between.slice(1))).toBeLessThan(1.2 * fetchBytes);
    expect(Math.max(...between.slice(1))).toBeGreaterThan(value.length);
    await reader.stop();
  });

  it('asks for another reading when another table is mapped, and passes over those that are captured only', async () => {
    const late = mappingOf('late', ['id'], [int('id')]);
    await using context = await writtenContext('postgresql', [t, late]);
    context.says.captured = new Set([t.id]);
    await context.producer.send(context.topic(t), [{ key: key(1), value: postgresEvent('c', { id: 1, v: 'a' }) }]);
    await context.producer.send(context.topic(late), [{ key: key(1), value: postgresEvent('c', { id: 1 }, { table: 'late' }) }]);
    const stream = await context.stream();
    const reader = new Reader(stream, [t], await context.zero()).read();
    await reader.until((events) => events.length === 1, 'the first');
    reader.tables = [late];
    await reader.running;
    reader.read();
    await reader.until((events) => events.length === 2, 'the second');
    await context.producer.send(context.topic(t), [{ key: key(1), value: postgresEvent('u', { id: 1, v: 'b' }) }]);
    await eventually(() => Promise.resolve(reader.checkpoints.get(at(context.topic(t), 0))!.equals(offset(2))), { timeoutMs: 20_000 });
    expect(brief(reader.events)).toEqual([['+', '1', 'a'], ['+', '1']]);
    await reader.stop();
  });

  it.each([
    ['an update that changes a key which the connector takes for none', 'STREAM_KEY_COLUMNS'],
    ['a mapping of an earlier release', 'STREAM_UNPREPARED'],
  ])('stops at %s, by name', async (_name, code) => {
    await using context = await writtenContext('postgresql', [t]);
    await context.producer.send(context.topic(t), [{ key: key(1), value: postgresEvent('c', { id: 1, v: 'a' }) }, { key: key(1), value: postgresEvent('u', { id: 2, v: 'a' }, { before: { id: 1, v: 'a' } }) }]);
    const mapping = code === 'STREAM_KEY_COLUMNS' ? t : { ...t, columns: t.columns.map(({ native: _, ...column }) => column) };
    const reader = new Reader(await context.stream(), [mapping], await context.zero()).read();
    await expect(reader.running).rejects.toMatchObject({ code, options: { place: { table: t.id } } });
    // What came before the event is applied.
    expect(brief(reader.events)).toEqual(code === 'STREAM_KEY_COLUMNS' ? [['+', '1', 'a']] : []);
  });
});
