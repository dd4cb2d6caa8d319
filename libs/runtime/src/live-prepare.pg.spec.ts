import { DIRECT_PARTITION } from '@elstream/core';
import { eventually } from '@elstream/testing';
import { becomesEqual, createItems, ITEM, startPipeline, twoDatabases } from './pipeline.fixture';

/** Far apart, so that after the first run only a preparation looks at capture. */
const SELDOM = { guardMs: 600_000 };

describe('a run asked for while the stream goes on', () => {
  it('takes a batch committed and acknowledged between its looks at checkpoint and slot for no log gap', async () => {
    await using databases = await twoDatabases();
    const { source, warehouse } = databases;
    await createItems(source, 200);
    await source.query('CREATE TABLE other (id int PRIMARY KEY)');
    await using pipeline = await startPipeline({ ...databases, ...SELDOM }, ['public.item', 'public.other']);
    await pipeline.runEnds((await pipeline.startRun()).id);
    const { registry, store } = pipeline.runtime;
    const [name = ''] = registry.names();
    const stream = await registry.get(name).stream();
    const confirmed = async (): Promise<string> => (await source.query<{ lsn: string }>('SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE database = current_database()'))[0]?.lsn ?? '0/0';
    const status = stream.status.bind(stream);
    let stale = false;
    stream.status = async (checkpoints) => {
      const next = checkpoints.find(({ partition }) => partition === DIRECT_PARTITION)?.next.splitDirect().position.toBigInt() ?? 0n;
      if (!stale) {
        stale = true;
        await source.query(`UPDATE item SET amount = amount + 1 WHERE id <= 10`);
        await eventually(async () => lsn(await confirmed()) > next, { timeoutMs: 30_000, describe: 'a batch acknowledged' });
      }
      return status(checkpoints);
    };
    const run = await store.createRun({ pipeline: name, reason: 'manual', tables: ['public.item'] });
    await pipeline.runEnds(run.id);
    expect(stale).toBe(true);
    expect(await warehouse.query('SELECT DISTINCT generation::int AS generation FROM elstream.checkpoint')).toEqual([{ generation: 1 }]);
    expect((await store.readRun(run.id))?.tables).toEqual(['public.item']);
    expect((await store.readRuns({ limit: 10 })).map(({ reason }) => reason)).toEqual(['manual', 'initial']);
    expect((await store.readPipeline(name))?.gapReason).toBeNull();
    await becomesEqual(databases, 'public.item', ITEM);
  });
});

function lsn(text: string): bigint {
  const [high = '', low = ''] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
