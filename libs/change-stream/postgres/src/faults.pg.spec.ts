import { type EventBatch, type StreamOffset, type TableMapping } from '@elstream/core';
import { eventually, startOwnServer } from '@elstream/testing';
import { brief, collect, mappingOf, mappingsOf, streamContext, untilMarker, type StreamContext } from './stream.fixture';
import { type PostgresStream } from './postgres-stream';
import { Walsender } from './walsender';

const t = mappingOf('t', ['id'], ['id', 'v']);

async function prepared(context: StreamContext, stream: PostgresStream, tables: readonly TableMapping[] = [t]): Promise<StreamOffset> {
  await context.db.query('CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, v text)');
  return (await stream.prepare(tables)).offsets.get('0') as StreamOffset;
}

/** A reader that waits for more, and the promise of its end. */
function idle(stream: PostgresStream, from: StreamOffset, onBatch: (batch: EventBatch) => void | Promise<void> = () => undefined): { stop: () => void; ended: Promise<void> } {
  const controller = new AbortController();
  const ended = (async () => {
    for await (const batch of stream.read({ from, mappings: () => mappingsOf(t), signal: controller.signal })) await onBatch(batch);
  })();
  ended.catch(() => undefined);
  return { stop: () => controller.abort(), ended };
}

const isActive = (context: StreamContext) => async (): Promise<boolean> =>
  (await context.db.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active', [`s_${context.db.name}`])).length === 1;

describe('one reader at a time', () => {
  it('a second reader is refused until the first has stopped, which an idle one does at once', async () => {
    await using context = await streamContext();
    const [one, two] = [await context.stream(), await context.stream()];
    const from = await prepared(context, one);
    const reader = idle(one, from);
    await eventually(isActive(context), { unlessFails: reader.ended });
    await expect(idle(two, from).ended).rejects.toMatchObject({ code: 'STREAM_BUSY', recovery: 'retry' });
    await expect(idle(one, from).ended).rejects.toMatchObject({ code: 'STREAM_BUSY', recovery: 'retry' });
    reader.stop();
    await reader.ended;
    // The slot is free as soon as the iteration has ended.
    const next = idle(two, from);
    await eventually(isActive(context), { unlessFails: next.ended });
    await two.close();
    await next.ended;
  });

  it('an aborted signal ends the connection although the consumer asks for nothing', async () => {
    await using context = await streamContext();
    const stream = await context.stream({ lingerMs: 0 });
    const from = await prepared(context, stream);
    await context.db.query('INSERT INTO t VALUES (1)');
    const controller = new AbortController();
    const batches = stream.read({ from, mappings: () => mappingsOf(t), signal: controller.signal })[Symbol.asyncIterator]();
    expect((await batches.next()).done).toBe(false);
    controller.abort();
    await eventually(async () => !(await isActive(context)()));
    expect((await batches.next()).done).toBe(true);
  });
});

describe('what is lost is said', () => {
  it('a slot dropped under a reader: retry for the broken connection, then stop', async () => {
    await using context = await streamContext();
    const stream = await context.stream();
    const from = await prepared(context, stream);
    const reader = idle(stream, from);
    await eventually(isActive(context), { unlessFails: reader.ended });
    await (await context.stream()).drop();
    await expect(reader.ended).rejects.toMatchObject({ recovery: 'retry' });
    await expect(idle(stream, from).ended).rejects.toMatchObject({ code: 'STREAM_SLOT_LOST', recovery: 'stop', message: expect.stringContaining(`s_${context.db.name}`) as string });
  });

  it('a slot that somebody moved beyond the checkpoint', async () => {
    await using context = await streamContext();
    const stream = await context.stream();
    const from = await prepared(context, stream);
    // A slot is moved within the flushed log only.
    await context.db.query('SET synchronous_commit = on');
    await context.db.query('INSERT INTO t VALUES (1)');
    await context.db.query('SELECT pg_replication_slot_advance($1, pg_current_wal_insert_lsn())', [`s_${context.db.name}`]);
    await expect(idle(stream, from).ended).rejects.toMatchObject({ code: 'STREAM_LOG_GAP', recovery: 'stop' });
  });

  it('a slot whose log the server removed', async () => {
    await using server = await startOwnServer({ max_slot_wal_keep_size: '1MB', max_wal_size: '32MB', min_wal_size: '32MB', wal_keep_size: '0' });
    await using context = await streamContext(await server.createDatabase());
    const stream = await context.stream();
    const from = await prepared(context, stream);
    await eventually(async () => {
      await context.db.query("SELECT pg_logical_emit_message(true, 'x', 'x')");
      await context.db.query('SELECT pg_switch_wal()');
      await context.db.query('CHECKPOINT');
      return (await stream.status([])).state === 'lost';
    });
    await expect(idle(stream, from).ended).rejects.toMatchObject({ code: 'STREAM_SLOT_LOST', recovery: 'stop' });
    expect(await stream.prepare([t])).toMatchObject({ created: true });
  });
});

describe('a restarted source', () => {
  it.each(['fast', 'crash'] as const)('(%s) is a retry, does not hang the server, and nothing is lost', async (way) => {
    // What the server said is committed survives its crash.
    await using server = await startOwnServer({ synchronous_commit: 'on' });
    await using context = await streamContext(await server.createDatabase());
    const stream = await context.stream();
    let next = await prepared(context, stream);
    await context.db.query("INSERT INTO t VALUES (1, 'a')");
    const seen: unknown[] = [];
    // Acknowledges nothing: the server waits for confirmation and must be let go all the same.
    const reader = idle(stream, next, (batch) => {
      seen.push(...brief(batch.events));
      next = batch.next;
    });
    await eventually(() => expect(seen).toHaveLength(1), { unlessFails: reader.ended });
    await context.db.query("INSERT INTO t VALUES (2, 'b')");
    const begun = Date.now();
    if (way === 'crash') await server.kill();
    await server.restart();
    // The embedded server would end it by force after 10 s.
    expect(Date.now() - begun).toBeLessThan(9_000);
    await expect(reader.ended).rejects.toMatchObject({ recovery: 'retry' });
    await context.db.query("INSERT INTO t VALUES (3, 'c')");
    const until = await untilMarker(context.db);
    const rest = await collect(stream, { from: next, tables: [t], until });
    expect([...seen, ...brief(rest.events)]).toEqual([['+', '1', 'a'], ['+', '2', 'b'], ['+', '3', 'c']]);
  });
});

describe('a slow consumer', () => {
  it('holds a bounded part of a transaction of 300,000 rows, and loses none of it', async () => {
    await using context = await streamContext();
    const maxBatchBytes = 512 * 1024;
    const stream = await context.stream({ maxBatchBytes });
    const from = await prepared(context, stream);
    await context.db.query("INSERT INTO t SELECT g, repeat('x', 50) FROM generate_series(1, 300000) g");
    const until = await untilMarker(context.db);
    let [rows, misplaced, largest] = [0, 0, 0];
    const ended = await collect(stream, {
      from,
      tables: [t],
      until: async (batch) => {
        for (const event of batch.events) {
          if (event.op !== 'insert') continue;
          rows += 1;
          if (event.row[0] !== String(rows)) misplaced += 1;
        }
        largest = Math.max(largest, batch.bytes);
        // Lets the socket deliver all that it may.
        if (rows < 20_000) await new Promise((resolve) => setTimeout(resolve, 5));
        // One read of the socket may overshoot.
        expect(stream.peakBufferedBytes).toBeLessThan(2 * maxBatchBytes + 512 * 1024);
        return until(batch);
      },
    });
    expect([rows, misplaced]).toEqual([300_000, 0]);
    expect(largest).toBeLessThan(maxBatchBytes + 10_000);
    expect(ended.batches.length).toBeGreaterThan(100);
  });

  it.each([
    ['its socket paused by back-pressure', 20_000],
    ['nothing more to come', 1],
  ])('keeps its connection while it is blocked for four times the bound of its silence, with %s', async (_how, rows) => {
    await using context = await streamContext();
    const stream = await context.stream({ maxBatchEvents: 10, maxBatchBytes: 64 * 1024, silenceMs: 1_000 });
    const from = await prepared(context, stream);
    await context.db.query("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, $1::int) g", [rows]);
    const until = await untilMarker(context.db);
    let blocked = false;
    const all = await collect(stream, {
      from,
      tables: [t],
      until: async (batch) => {
        if (!blocked) await new Promise((resolve) => setTimeout(resolve, 4_000));
        blocked = true;
        return until(batch);
      },
    });
    expect(all.events).toHaveLength(rows + 1);
  });

  it('the server lets another read after the bound of silence, or its own where that is less', async () => {
    await using context = await streamContext();
    for (const [own, silenceMs] of [['60s', 1_000], ['1s', 60_000]] as const) {
      await context.db.query(`ALTER DATABASE "${context.db.name}" SET wal_sender_timeout = '${own}'`);
      const stream = await context.stream({ silenceMs });
      const reader = idle(stream, await prepared(context, stream));
      // A reader that stands still does not answer.
      jest.spyOn(Walsender.prototype as unknown as { sendStatus(): void }, 'sendStatus').mockImplementation(() => undefined);
      try {
        await eventually(isActive(context), { unlessFails: reader.ended });
        await eventually(async () => !(await isActive(context)()), { timeoutMs: 15_000 });
        await expect(reader.ended).rejects.toMatchObject({ recovery: 'retry' });
      } finally {
        jest.restoreAllMocks();
      }
    }
  });
});
