import { eventually, startOwnServer, testKafka, type OwnServer, type TestDatabase, type TestKafka } from '@elstream/testing';
import { JsonNumber } from './lossless-json';
import { type PostgresPlanOptions } from './plan-options';
import { PATIENCE_MS, Registered, type Event } from './registered.fixture';

/**
 * What Debezium leaves out when its task begins again. Facts that we lean on: one that fails after an upgrade of Debezium
 * names what need no longer be guarded against.
 */
jest.setTimeout(300_000);

let kafka: TestKafka;
let server: OwnServer;
let db: TestDatabase;
beforeAll(async () => {
  // Of its own: where a record begins in the log is decided by nobody else.
  [kafka, server] = await Promise.all([testKafka(), startOwnServer({ autovacuum: 'off' })]);
  db = await server.createDatabase('resume_loss');
});
afterAll(async () => {
  await db?.drop();
  await server?.stop();
});

async function logEnd(): Promise<string> {
  const [row] = await db.query<{ lsn: string }>("SELECT (pg_current_wal_insert_lsn() - '0/0')::text AS lsn");
  return row?.lsn ?? '';
}

/** LSN and type of what the stored offset says was read last. */
async function stored(capture: Registered): Promise<{ readonly lsn: string | null; readonly type: unknown }> {
  const [source] = (await capture.client.offsets(capture.name)) ?? [];
  const lsn = source?.offset['lsn'];
  return { lsn: lsn instanceof JsonNumber ? lsn.text : null, type: source?.offset['messageType'] };
}

describe('a transaction that was open when another committed, and went on right behind it', () => {
  /** @returns rows of the first transaction that are delivered, of three */
  async function delivered({ heartbeats }: { readonly heartbeats: boolean }): Promise<number[]> {
    await using capture = await Registered.prepare(db, kafka);
    await capture.client.put(capture.name, { ...capture.plan().config, ...(heartbeats ? { 'heartbeat.interval.ms': '100' } : {}) });
    await capture.streams();
    const open = await db.client();
    for (let row = 10; ; row += 10) {
      await open.query('BEGIN');
      await open.query(`INSERT INTO ${capture.name} VALUES (${String(row + 1)}, 'a')`);
      await capture.insert(row);
      const end = await logEnd();
      await capture.ids(row);
      if (heartbeats) await eventually(async () => (await stored(capture)).type === 'COMMIT', { describe: 'a commit is stored', timeoutMs: PATIENCE_MS });
      // Whatever else wrote to the log (a checkpoint): again.
      if ((await logEnd()) !== end || (heartbeats && (await stored(capture)).lsn !== end)) {
        await open.query('ROLLBACK');
        continue;
      }
      await open.query(`INSERT INTO ${capture.name} VALUES (${String(row + 2)}, 'a')`);
      await capture.restarted();
      await open.query(`INSERT INTO ${capture.name} VALUES (${String(row + 3)}, 'a')`);
      await open.query('COMMIT');
      await capture.insert(row + 9);
      const ids = (await capture.ids(row + 9)) as number[];
      return ids.filter((id) => id > row && id < row + 9).map((id) => id - row);
    }
  }

  it('is delivered whole, however capture begins again', async () => {
    expect(await delivered({ heartbeats: false })).toEqual([1, 2, 3]);
  });

  it('would lose its rows up to there if heartbeats stored the position of the commit', async () => {
    expect(await delivered({ heartbeats: true })).toEqual([3]);
  });
});

/** Every event is a part of its own, and one that is larger than this is never sent. */
const NARROW: Partial<PostgresPlanOptions> = { maxRequestBytes: 4_000, extra: { 'max.batch.size': '1' } };

describe('a transaction that went on right behind the commit of another, and is delivered in part', () => {
  it.each<[string, Readonly<Record<string, string>>, readonly number[]]>([
    ['is not repeated, though the slot fell back in a crash of the source: Debezium moves it to the last commit that is stored', {}, [10, 1, 2, 3, 99]],
    ['would be repeated if the other one were read again: where that ends, Debezium takes its place for found', { 'lsn.flush.mode': 'manual' }, [10, 1, 2, 1, 2, 3, 99]],
  ])('%s', async (_, change, wanted) => {
    await using capture = await Registered.prepare(db, kafka);
    await capture.client.put(capture.name, { ...capture.plan(NARROW).config, ...change });
    await capture.streams();
    const open = await db.client();
    await open.query(`BEGIN; INSERT INTO ${capture.name} VALUES (1, 'a'), (2, 'a')`);
    await capture.insert(10);
    await open.query(`INSERT INTO ${capture.name} VALUES (3, repeat('x', 5000)); COMMIT`);
    await open.end();
    await capture.ids(2);
    await server.kill();
    await server.restart();
    await capture.restarted(() => capture.client.put(capture.name, { ...capture.plan().config, ...change }));
    await capture.insert(99);
    expect(await capture.ids(99)).toEqual(wanted);
  });
});

describe('events of one LSN', () => {
  /** @returns what is delivered of `change`, which first stops behind `last` because of an event that is too large */
  async function deliveredOf(change: (capture: Registered) => Promise<unknown>, last: string): Promise<string[]> {
    await using capture = await Registered.prepare(db, kafka);
    await capture.register(NARROW);
    await capture.insert(1);
    await capture.ids(1);
    await change(capture);
    await capture.events((all) => all.map(nameOf).includes(last));
    await capture.restarted(() => capture.client.put(capture.name, capture.plan().config));
    await capture.insert(99);
    return (await capture.events((all) => all.map(nameOf).includes('c99'))).map(nameOf);
  }

  it('are left out behind the last one delivered: rows of a COPY', async () => {
    const program = String.raw`for i in 11 12 13 14; do printf '%d\t%0*d\n' $i $((i == 13 ? 5000 : 1)) 0; done`;
    expect(await deliveredOf(({ name }) => db.query(`COPY ${name} FROM PROGRAM $program$ ${program} $program$`), 'c12')).toEqual(['c1', 'c11', 'c12', 'c99']);
  });

  it('are left out behind the last one delivered: the new key of a key change', async () => {
    expect(await deliveredOf(({ name }) => db.query(`UPDATE ${name} SET id = 2, name = repeat('x', 5000)`), 'd1')).toEqual(['c1', 'd1', 'c99']);
  });
});

describe('the notification that a task began', () => {
  /** Notifications among the rows of one partition, which have an order: a connector that writes them where its rows are. */
  async function deliveredOnce(capture: Registered, enough: (delivered: readonly (number | string)[]) => boolean): Promise<(number | string)[]> {
    const read = (event: Event): number | string => (event.after === undefined ? (event as unknown as { type: string }).type : Number(event.after?.['id']));
    return (await capture.events((all) => enough(all.map(read)))).map(read);
  }
  const delivered = (capture: Registered, last: number): Promise<(number | string)[]> => deliveredOnce(capture, (all) => all.includes(last));
  async function registered(capture: Registered, extra: Readonly<Record<string, string>> = {}): Promise<void> {
    const { config, topics } = capture.plan();
    await capture.client.put(capture.name, { ...config, 'notification.sink.topic.name': topics.tables[0] ?? '', ...extra });
    await capture.streams();
  }
  const terminate = ({ name }: Registered): Promise<unknown> => db.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [name]);

  it('is written as planned', async () => {
    await using capture = await Registered.prepare(db, kafka);
    await capture.register();
    await capture.insert(1);
    expect(await capture.ids(1)).toEqual([1]);
    expect(await capture.events((all) => all.length > 0, capture.plan().topics.notifications ?? '')).toMatchObject([{ aggregate_type: 'Initial Snapshot', type: 'SKIPPED', additional_data: { connector_name: capture.name } }]);
  });

  it.each<[string, (capture: Registered) => Promise<void>]>([
    ['is restarted', (capture) => capture.restarted()],
    ['begins again by itself, its connection having ended', (capture) => capture.restarted(() => terminate(capture))],
  ])('is before all that the task delivers when it %s', async (_, restart) => {
    await using capture = await Registered.prepare(db, kafka);
    await registered(capture);
    await capture.insert(1);
    await delivered(capture, 1);
    await restart(capture);
    await capture.insert(2);
    expect(await delivered(capture, 2)).toEqual(['SKIPPED', 1, 'SKIPPED', 2]);
  });

  it('is before all that the task delivers when the source is restarted', async () => {
    await using capture = await Registered.prepare(db, kafka);
    await registered(capture, { 'errors.max.retries': '-1' });
    await capture.insert(1);
    await delivered(capture, 1);
    await capture.restarted(async () => {
      await server.kill();
      await server.restart();
    });
    await capture.insert(2);
    const all = await delivered(capture, 2);
    expect([all.slice(0, 3), all.at(-1)]).toEqual([['SKIPPED', 1, 'SKIPPED'], 2]);
    expect(all.filter((one) => typeof one === 'number')).toEqual([1, 2]);
  });

  it('is between what is delivered of a transaction before its connection ends, and the rest', async () => {
    await using capture = await Registered.prepare(db, kafka);
    await registered(capture, { 'max.batch.size': '1' });
    await db.query(`INSERT INTO ${capture.name} SELECT i, 'x' FROM generate_series(1, 5000) i`);
    await delivered(capture, 20);
    await terminate(capture);
    const all = await deliveredOnce(capture, (some) => some.lastIndexOf('SKIPPED') > 0 && some.at(-1) !== 'SKIPPED');
    const begunAgain = all.lastIndexOf('SKIPPED');
    expect(begunAgain).toBeGreaterThan(20);
    expect(all).toEqual(['SKIPPED', ...range(1, begunAgain), 'SKIPPED', ...range(begunAgain, all.length - 1)]);
  });

  it('stores nothing from which the next start could not go on, before anything else is delivered', async () => {
    await using capture = await Registered.prepare(db, kafka);
    await capture.register();
    await eventually(async () => (await capture.client.offsets(capture.name))?.length === 1, { describe: 'an offset is stored', timeoutMs: PATIENCE_MS });
    expect(await capture.committed()).toBeNull();
    await capture.stopped();
    await capture.insert(1);
    await capture.resumed();
    await capture.insert(2);
    expect(await capture.ids(2)).toEqual([1, 2]);
  });
});

/** From `from` to before `to`. */
function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function nameOf({ op, before, after }: Event): string {
  return `${op}${String((after ?? before)?.['id'])}`;
}
