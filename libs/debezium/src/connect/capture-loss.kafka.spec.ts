import { LogPosition } from '@elstream/core';
import { startOwnServer, testKafka, type OwnServer, type TestDatabase, type TestKafka } from '@elstream/testing';
import { explainFailure } from './explain-failure';
import { Registered } from './registered.fixture';
import { slotOffset } from './slot-offset';

jest.setTimeout(300_000);

let kafka: TestKafka;
let server: OwnServer;
let db: TestDatabase;
beforeAll(async () => {
  // Of its own: open transactions of other suites hold a slot's restart back, and ours would hold back their slots.
  [kafka, server] = await Promise.all([testKafka(), startOwnServer()]);
  db = await server.createDatabase('capture_loss');
});
afterAll(async () => {
  await db?.drop();
  await server?.stop();
});

/** Rows 1 and 2 are delivered, and the offset says so. */
async function capturing(beforeTheSecond?: () => Promise<unknown>): Promise<Registered> {
  const capture = await Registered.prepare(db, kafka);
  try {
    await capture.register();
    await capture.insert(1);
    await beforeTheSecond?.();
    await capture.insert(2);
    await capture.passed(await capture.logEnd());
    expect(await capture.ids(2)).toEqual([1, 2]);
    return capture;
  } catch (error) {
    await capture.remove();
    throw error;
  }
}

/** `sequence[0]` of the event of a row: the last commit known to the connector; null: it began without an offset. */
async function lastCommitAt(capture: Registered, id: number): Promise<unknown> {
  const events = await capture.events((all) => all.some(({ after }) => after?.['id'] === id));
  const event = events.find(({ after }) => after?.['id'] === id);
  return (JSON.parse(event?.source.sequence ?? 'null') as unknown[])[0];
}

async function expectGap(capture: Registered): Promise<void> {
  const { trace } = await capture.state('FAILED');
  expect(explainFailure(trace ?? '')).toMatchObject({ kind: 'gap' });
}

describe('a slot that is lost under Debezium', () => {
  it('is a failed task, which stays failed however often it is started again', async () => {
    await using capture = await capturing();
    await capture.dropSlot();
    await capture.insert(3);
    await expectGap(capture);
    await capture.client.restart(capture.name, { onlyFailed: true });
    await expectGap(capture);
    expect(await db.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [capture.name])).toEqual([]);
  });

  it('is a failed task too when another of the same name is made', async () => {
    await using capture = await capturing();
    await capture.dropSlot();
    await capture.insert(3);
    await capture.makeSlot();
    await capture.insert(4);
    await expectGap(capture);
    expect(await capture.ids(2)).toEqual([1, 2]);
  });

  it('is a failed task too when somebody moved it beyond what was delivered', async () => {
    await using capture = await capturing();
    await capture.stopped();
    await capture.insert(3);
    await capture.advanceRestart();
    await capture.client.resume(capture.name);
    await expectGap(capture);
  });

  // So elstream compares the slot with the connector's offset itself (`KafkaStream.status`).
  it('loses changes without a failed task where it was moved over a transaction of anybody that was open: Debezium asks where the log restarts', async () => {
    const open = await db.client();
    // What is delivered lies above the beginning of that transaction, where the slot's restart stays.
    await using capture = await capturing(() => open.query('BEGIN; CREATE TABLE of_somebody ()'));
    await capture.stopped();
    await capture.insert(3);
    const { position } = (await capture.committed()) ?? { position: LogPosition.ZERO };
    await capture.advanceSlot();
    const [slot] = await db.query<{ confirmed: string }>("SELECT (confirmed_flush_lsn - '0/0')::text AS confirmed FROM pg_replication_slots WHERE slot_name = $1", [capture.name]);
    expect(BigInt(slot?.confirmed ?? '')).toBeGreaterThan(position.toBigInt());
    await open.query('ROLLBACK');
    await capture.resumed();
    await capture.insert(4);
    expect(await capture.ids(4)).toEqual([1, 2, 4]);
  });
});

describe('offsets that are deleted', () => {
  it('lose nothing as long as the slot is as it was: capture goes on where the slot stands', async () => {
    await using capture = await capturing();
    const before = await capture.beginnings(2);
    await capture.stopped();
    await capture.insert(3);
    await capture.client.deleteOffsets(capture.name);
    expect(await capture.client.offsets(capture.name)).toEqual([]);
    await capture.resumed();
    await capture.insert(4);
    const ids = await capture.ids(4);
    expect(ids.slice(0, 2)).toEqual([1, 2]);
    expect(ids).toEqual(expect.arrayContaining([3, 4]));
    // The slot may stand before what was delivered last: then that comes once more, and is what has no last commit.
    expect(await capture.beginnings(4)).toBeGreaterThan(before);
  });

  // No setting of Debezium makes these a failed task: a connector without an offset is a new one to it.
  it.each<[string, (capture: Registered) => Promise<void>]>([
    ['moved on', (capture) => capture.advanceSlot()],
    ['dropped (Debezium makes another)', (capture) => capture.dropSlot()],
  ])('lose changes without a failed task when the slot was %s; the next event tells, by its missing last commit', async (_, harm) => {
    await using capture = await capturing();
    await capture.stopped();
    await capture.insert(3);
    await harm(capture);
    await capture.client.deleteOffsets(capture.name);
    expect(await capture.committed()).toBeNull();
    await capture.resumed();
    await capture.insert(4);
    expect(await capture.ids(4)).toEqual([1, 2, 4]);
    expect(await lastCommitAt(capture, 2)).not.toBeNull();
    expect(await lastCommitAt(capture, 4)).toBeNull();
  });

  it('are had from the start by a connector that is created stopped and given the place of its slot', async () => {
    await using capture = await Registered.prepare(db, kafka);
    const [slot] = await db.query<{ lsn: string }>("SELECT (confirmed_flush_lsn - '0/0')::text AS lsn FROM pg_replication_slots WHERE slot_name = $1", [capture.name]);
    const { config } = capture.plan();
    await capture.client.createStopped(capture.name, config);
    await capture.client.setOffsets(capture.name, [slotOffset(capture.name, BigInt(slot?.lsn ?? ''))]);
    await capture.insert(1);
    await capture.resumed();
    expect(await capture.ids(1)).toEqual([1]);
    expect(await lastCommitAt(capture, 1)).toBe(slot?.lsn);
  });
});

describe('a connector that is deleted and registered again', () => {
  it('goes on where it was, for Connect keeps its offsets', async () => {
    await using capture = await capturing();
    await capture.deleted();
    await capture.insert(3);
    await capture.register();
    await capture.insert(4);
    expect(await capture.ids(4)).toEqual([1, 2, 3, 4]);
  });

  it('is a failed task when its slot went with it', async () => {
    await using capture = await capturing();
    await capture.remove();
    await capture.insert(3);
    await capture.client.put(capture.name, capture.plan().config);
    await expectGap(capture);
  });
});
