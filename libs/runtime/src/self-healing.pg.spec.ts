import { laneOf, type Run } from '@elstream/control';
import { createValidationSchedule } from '@elstream/replication';
import { eventually } from '@elstream/testing';
import { becomesEqual, createItems, ITEM, startPipeline, twoDatabases, type RunningPipeline } from './pipeline.fixture';

jest.setTimeout(120_000);

async function runsOf({ runtime }: RunningPipeline, lane: string): Promise<readonly Run[]> {
  const [pipeline = ''] = runtime.registry.names();
  return (await runtime.store.readRuns({ pipeline, limit: 100 })).filter((run) => laneOf(run.stages) === lane);
}

describe('a pipeline that heals by itself', () => {
  it('finds by schedule what was damaged and repairs it, once per validation, and then has nothing more to repair', async () => {
    await using databases = await twoDatabases();
    await createItems(databases.source, 700);
    await using pipeline = await startPipeline(databases, ['public.item'], '\ndefaults: { chunkRows: 100 }\nvalidate: { every: 1s, repair: auto }\n');
    await pipeline.runEnds((await pipeline.startRun()).id);
    await databases.warehouse.query('DELETE FROM item WHERE id = 5');
    await databases.warehouse.query(`UPDATE item SET name = 'damaged' WHERE id IN (6, 650)`);
    const schedule = createValidationSchedule(pipeline.runtime.deps);
    const scheduled = schedule.run();
    await becomesEqual(databases, 'public.item', ITEM);
    // Validations after the repair, which find all equal.
    await eventually(async () => {
      const [repair] = await runsOf(pipeline, 'repair');
      const after = (await runsOf(pipeline, 'validate')).filter((run) => run.state === 'succeeded' && run.createdAt > (repair?.finishedAt ?? run.createdAt));
      return after.length >= 2;
    }, { timeoutMs: 60_000, describe: `validations after the repair\n${pipeline.logger.text().slice(-4_000)}` });
    await schedule.stop();
    await scheduled;
    const validations = await runsOf(pipeline, 'validate');
    expect(new Set(validations.map((run) => run.reason))).toEqual(new Set(['schedule']));
    const repairs = await runsOf(pipeline, 'repair');
    expect(repairs.map((run) => [run.reason, run.state])).toEqual([['repair', 'succeeded']]);
    const [pipelineName = ''] = pipeline.runtime.registry.names();
    expect(await pipeline.runtime.store.readValidations({ pipeline: pipelineName, limit: 1 })).toMatchObject([{ table: 'public.item', differences: 0, unverified: 0, rowsCompared: 700 }]);
  });

  it('lets go of markers that were kept for a run that ended without saying so', async () => {
    await using databases = await twoDatabases();
    const { source, warehouse } = databases;
    await createItems(source, 300);
    await using pipeline = await startPipeline(databases, ['public.item']);
    const { id } = await pipeline.startRun();
    await pipeline.runEnds(id);
    const [name = ''] = pipeline.runtime.registry.names();
    // As a validator leaves it that dies, and whose run is then cancelled.
    await warehouse.query('INSERT INTO elstream.open_use (pipeline, table_id, run_id) VALUES ($1, $2, $3)', [name, 'public.item', id]);
    await eventually(async () => (await warehouse.query('SELECT 1 FROM elstream.open_use')).length === 0, { timeoutMs: 30_000, describe: `the end of the use\n${pipeline.logger.text().slice(-4_000)}` });
    await source.query('DELETE FROM item WHERE id = 5');
    await becomesEqual(databases, 'public.item', ITEM);
  });
});
