import { createRepairRun, type Difference, type RunOverview } from '@elstream/replication';
import { SeededRandom, type TestDatabase } from '@elstream/testing';
import { becomesEqual, startPipeline, twoDatabases, type RunningPipeline } from '../../../libs/runtime/src/pipeline.fixture';
import { createLedger, DAMAGES, LEDGER, LEDGER_COLUMNS, MISSING_DELETE, startHeavyWriter } from './ledger.fixture';

jest.setTimeout(300_000);

const ROWS = 40_000;
const LOOP_MS = 60_000;
const DAMAGED = 200;
const SETTINGS = '\ndefaults: { chunkRows: 5000 }\n';

interface Pass {
  readonly runId: string;
  readonly run: RunOverview;
  readonly differences: readonly Difference[];
}

async function validate({ runtime, runEnds }: RunningPipeline): Promise<Pass> {
  const [pipeline = ''] = runtime.registry.names();
  const { id } = await runtime.store.createRun({ pipeline, reason: 'manual', tables: [LEDGER], stages: ['validate'] });
  await runEnds(id);
  return { runId: id, run: await runtime.overview.run(id), differences: await runtime.overview.differences(id, 10_000) };
}

const inWords = (differences: readonly Pick<Difference, 'kind' | 'cells' | 'columns'>[]): string[] => differences.map((d) => `${d.cells.join()} ${d.kind} ${d.columns.join()}`).sort();

/** Damages `count` rows at rest, each kind in turn. */
async function damage({ source, warehouse }: { source: TestDatabase; warehouse: TestDatabase }, random: SeededRandom, count: number): Promise<Pick<Difference, 'kind' | 'cells' | 'columns'>[]> {
  const done: Pick<Difference, 'kind' | 'cells' | 'columns'>[] = [];
  const taken = new Set<number>();
  const kinds = Object.values(DAMAGES);
  const free = new Map<string, number[]>();
  for (const { where } of kinds) {
    if (free.has(where)) continue;
    const rows = await source.query<{ id: string }>(`SELECT id::text FROM ledger WHERE id % 10 = 0 AND (${where})`);
    free.set(where, random.shuffle(rows.map((r) => Number(r.id))));
  }
  const take = (where: string): number => {
    for (;;) {
      const id = free.get(where)?.pop();
      if (id === undefined) throw new RangeError(`no row left where ${where}`);
      if (!taken.has(id)) {
        taken.add(id);
        return id;
      }
    }
  };
  for (let n = 0; n < count; n += 1) {
    const kind = kinds[n % (kinds.length + 1)];
    if (kind === undefined) {
      const extra = 5_000_000 + n * 10;
      await warehouse.query(MISSING_DELETE, [take('true'), extra]);
      done.push({ kind: 'extra', cells: [String(extra)], columns: [] });
      continue;
    }
    const id = take(kind.where);
    await warehouse.query(kind.sql, [id]);
    done.push({ kind: kind.kind, cells: [String(id)], columns: kind.columns });
  }
  return done;
}

describe('validation beside a heavy writer', () => {
  it(`finds and names ${String(DAMAGED)} damages of all kinds, nothing else, and repairs them`, async () => {
    await using databases = await twoDatabases();
    await createLedger(databases.source, ROWS);
    await using pipeline = await startPipeline(databases, [LEDGER], SETTINGS);
    await pipeline.runEnds((await pipeline.startRun()).id);
    const random = new SeededRandom(process.env['ELSTREAM_TEST_SEED'] ?? 'damages');
    const writer = startHeavyWriter(databases.source, random, ROWS);
    try {
      const damages = await damage(databases, random, DAMAGED);
      const found = await validate(pipeline);
      expect(inWords(found.differences)).toEqual(inWords(damages));
      const before = writer.transactions;
      const [name = ''] = pipeline.runtime.registry.names();
      const { run: repair } = await createRepairRun(pipeline.runtime.deps, { pipeline: name, reason: 'repair', from: { runId: found.runId } });
      await pipeline.runEnds(repair.id);
      const clean = await validate(pipeline);
      expect(clean.differences).toEqual([]);
      expect(clean.run).toMatchObject({ differences: 0 });
      expect(writer.transactions).toBeGreaterThan(before);
    } finally {
      await writer.stop();
    }
    await becomesEqual(databases, LEDGER, LEDGER_COLUMNS);
  });

  it(`raises no false alarm for ${String(LOOP_MS / 1000)} s, and confirms 99.9 % of the rows in every pass`, async () => {
    await using databases = await twoDatabases();
    await createLedger(databases.source, ROWS);
    await using pipeline = await startPipeline(databases, [LEDGER], SETTINGS);
    await pipeline.runEnds((await pipeline.startRun()).id);
    const writer = startHeavyWriter(databases.source, new SeededRandom(process.env['ELSTREAM_TEST_SEED'] ?? 'loop'), ROWS);
    try {
      const ends = Date.now() + LOOP_MS;
      let passes = 0;
      for (; Date.now() < ends || passes < 3; passes += 1) {
        const before = writer.transactions;
        const { run, differences } = await validate(pipeline);
        expect(differences).toEqual([]);
        expect(run.differences).toBe(0);
        expect(run.rowsCompared).toBeGreaterThan(ROWS / 2);
        expect(run.confirmedEqual / run.rowsCompared).toBeGreaterThanOrEqual(0.999);
        expect(run.unverified / run.rowsCompared).toBeLessThanOrEqual(0.001);
        expect(writer.transactions).toBeGreaterThan(before);
      }
      expect(passes).toBeGreaterThanOrEqual(3);
    } finally {
      await writer.stop();
    }
    await becomesEqual(databases, LEDGER, LEDGER_COLUMNS);
  });
});
