import type { DeadLetter } from '@elstream/control';
import { CAPTURE_RESUMED, type ChangeEvent } from '@elstream/core';
import type { PipelineHandle } from '@elstream/replication';
import { eventually } from '@elstream/testing';
import { becomesEqual, startPipeline, twoDatabases, type Databases, type RunningPipeline } from './pipeline.fixture';

const DERIVED = '  settings: [{ match: public.note, history: derived }]\n';

jest.setTimeout(120_000);

const NOTE = 'public.note';
/** The insert of this id is the last that capture delivers before it begins again. */
const LAST = 999;

interface LeftOut {
  /** Ids whose inserts are not delivered. */
  readonly ids: readonly number[];
  /** Ids that are told as rows which may have been left out; null: it cannot be told which. */
  readonly told: readonly number[] | null;
  /** Updates are held up until then. */
  readonly gate?: Promise<void>;
}

/** Capture as it is when it begins again behind a change that shares its place in the log with others. */
async function leavingOut(handle: PipelineHandle, { ids, told, gate }: LeftOut): Promise<void> {
  const changes = await handle.stream();
  const consume = changes.consume.bind(changes);
  const idOf = (event: ChangeEvent): number | null => (event.op === 'insert' && event.table === NOTE ? Number(event.row[0]) : null);
  const standing = ({ tx }: ChangeEvent): ChangeEvent[] =>
    told === null
      ? [{ op: 'reload', table: NOTE, tx, reason: `${CAPTURE_RESUMED}: which rows could not be told` }]
      : told.map((id) => ({ op: 'poison', table: NOTE, tx, key: [String(id)], bytes: new Uint8Array(), code: CAPTURE_RESUMED, reason: 'may have been left out' }));
  const delivered = (event: ChangeEvent): ChangeEvent[] => {
    const id = idOf(event);
    if (id !== null && ids.includes(id)) return [];
    return id === LAST ? [event, ...standing(event)] : [event];
  };
  jest.spyOn(changes, 'consume').mockImplementation((options) =>
    consume({
      ...options,
      onBatch: async (batch, signal) => {
        if (batch.events.some((event) => event.op === 'update' && event.table === NOTE)) await gate;
        return options.onBatch({ ...batch, events: batch.events.flatMap(delivered) }, signal);
      },
    }),
  );
}

async function notes(rows: number): Promise<Databases> {
  const databases = await twoDatabases();
  await databases.source.query('CREATE TABLE note (id int PRIMARY KEY, v text)');
  await databases.source.query(`INSERT INTO note SELECT i, 'v' || i FROM generate_series(1, $1::int) i`, [rows]);
  return databases;
}

const nameOf = ({ runtime }: RunningPipeline): string => runtime.registry.names()[0] ?? '';
const handleOf = (pipeline: RunningPipeline): PipelineHandle => pipeline.runtime.registry.get(nameOf(pipeline));
const letters = (pipeline: RunningPipeline): Promise<readonly DeadLetter[]> => pipeline.runtime.store.readDeadLetters({ pipeline: nameOf(pipeline), code: CAPTURE_RESUMED, limit: 100 });
const runs = async (pipeline: RunningPipeline): Promise<string[]> => (await pipeline.runtime.store.readRuns({ pipeline: nameOf(pipeline), limit: 100 })).map((run) => `${run.reason} ${run.state}`).reverse();
const phaseOf = async (pipeline: RunningPipeline): Promise<string | undefined> => (await handleOf(pipeline).warehouse.readTableStates(nameOf(pipeline)))[0]?.phase;

async function settled(pipeline: RunningPipeline, count: number): Promise<readonly DeadLetter[]> {
  await eventually(async () => expect((await letters(pipeline)).map((l) => l.state)).toEqual(Array.from({ length: count }, () => 'replayed')), { timeoutMs: 40_000, describe: pipeline.logger.text().slice(-4_000) });
  return letters(pipeline);
}

/** All in one transaction; one of them is gone again when it commits. */
const insertAll = (databases: Databases): Promise<unknown> =>
  databases.source.query(`BEGIN; INSERT INTO note SELECT i, 'new ' || i FROM generate_series(101, 106) i; INSERT INTO note VALUES (${String(LAST)}, 'last'); DELETE FROM note WHERE id = 105; COMMIT`);

describe('rows that capture may have left out', () => {
  it('are read again at the source by themselves, under policy «stop» and above the limit too: missing ones are written, others stay as they are', async () => {
    await using databases = await notes(100);
    await using pipeline = await startPipeline(databases, [NOTE], 'deadLetters: { policy: stop, limit: 2 }\n');
    await leavingOut(handleOf(pipeline), { ids: [103, 104, 105], told: [102, 103, 104, 105] });
    await pipeline.runEnds((await pipeline.startRun()).id);
    await insertAll(databases);
    const found = await settled(pipeline, 4);
    expect(Object.fromEntries(found.map(({ key, note }) => [key?.[0], note]))).toEqual({
      102: 'nothing had to be written',
      103: "the source's row was written",
      104: "the source's row was written",
      105: 'nothing had to be written',
    });
    expect(await becomesEqual(databases, NOTE, ['id', 'v'])).toBe(106);
    // What was brought back follows the stream from then on.
    await databases.source.query(`UPDATE note SET v = 'changed' WHERE id IN (103, 102); DELETE FROM note WHERE id = 104`);
    await becomesEqual(databases, NOTE, ['id', 'v']);
    expect(await runs(pipeline)).toEqual(['initial succeeded', 'replay succeeded']);
    expect(await phaseOf(pipeline)).toBe('live');
    expect((await pipeline.runtime.store.readPipeline(nameOf(pipeline)))?.streamError).toBeNull();
  });

  it('are written while their table is being preloaded, and stay', async () => {
    await using databases = await notes(100);
    await using pipeline = await startPipeline(databases, [NOTE]);
    const handle = handleOf(pipeline);
    await leavingOut(handle, { ids: [103, 104], told: [102, 103, 104, 105] });
    const source = await handle.source();
    const readChunk = source.readChunk.bind(source);
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    jest.spyOn(source, 'readChunk').mockImplementation(async (...given) => {
      await gate;
      return readChunk(...given);
    });
    const { id } = await pipeline.startRun();
    await eventually(async () => (await phaseOf(pipeline)) === 'preloading', { timeoutMs: 40_000 });
    await insertAll(databases);
    await settled(pipeline, 4);
    expect(await phaseOf(pipeline)).toBe('preloading');
    expect(await databases.warehouse.query('SELECT id, v FROM note WHERE id IN (103, 104) ORDER BY id')).toEqual([{ id: 103, v: 'new 103' }, { id: 104, v: 'new 104' }]);
    open();
    await pipeline.runEnds(id);
    await becomesEqual(databases, NOTE, ['id', 'v']);
    expect(await runs(pipeline)).toEqual(['initial succeeded', 'replay succeeded']);
  });

  it('have no version in flight brought forward: where a row stands, or the stream brings it, events alone make history', async () => {
    await using databases = await notes(100);
    await using pipeline = await startPipeline(databases, [NOTE], DERIVED);
    const handle = handleOf(pipeline);
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    // 102 stands, 107 is inserted behind the place where capture began again; 103 is missing, 104 too and not changed since.
    await leavingOut(handle, { ids: [103, 104], told: [102, 103, 104, 107], gate });
    await pipeline.runEnds((await pipeline.startRun()).id);
    const [changes, source] = [await handle.stream(), await handle.source()];
    const readByKeys = source.readByKeys.bind(source);
    let changed = false;
    const read = new Promise<void>((resolve) => {
      jest.spyOn(source, 'readByKeys').mockImplementation(async (...given) => {
        if (!changed) {
          changed = true;
          await databases.source.query(`BEGIN; UPDATE note SET v = v || ', changed' WHERE id IN (102, 103); INSERT INTO note VALUES (107, 'in flight'); UPDATE note SET v = 'in flight, changed' WHERE id = 107; COMMIT`);
        }
        const rows = await readByKeys(...given);
        resolve();
        return rows;
      });
    });
    await insertAll(databases);
    await read;
    // Either it writes now, or it waits and moves an idle source on.
    const written = eventually(async () => (await letters(pipeline)).every(({ state }) => state === 'replayed'), { timeoutMs: 60_000 });
    const waits = new Promise<void>((resolve) => {
      const raise = changes.raiseCounter.bind(changes);
      jest.spyOn(changes, 'raiseCounter').mockImplementation(async (...given) => {
        await raise(...given);
        resolve();
      });
    });
    await Promise.race([written, waits]);
    open();
    await written;
    // The last of the stream, so all before it is applied.
    await databases.source.query(`INSERT INTO note VALUES (108, 'behind')`);
    expect(await becomesEqual(databases, NOTE, ['id', 'v'])).toBe(108);
    expect(await databases.warehouse.query('SELECT id, v FROM note_archive WHERE id <> 105 ORDER BY id')).toEqual([{ id: 102, v: 'new 102' }, { id: 107, v: 'in flight' }]);
  });

  it('that cannot be told have their table preloaded again, once', async () => {
    await using databases = await notes(100);
    await using pipeline = await startPipeline(databases, [NOTE]);
    await leavingOut(handleOf(pipeline), { ids: [103, 104], told: null });
    await pipeline.runEnds((await pipeline.startRun()).id);
    await insertAll(databases);
    await eventually(async () => expect(await runs(pipeline)).toEqual(['initial succeeded', 'reload succeeded']), { timeoutMs: 60_000, describe: pipeline.logger.text().slice(-4_000) });
    expect(await becomesEqual(databases, NOTE, ['id', 'v'])).toBe(106);
    expect(await letters(pipeline)).toEqual([]);
  });
});
