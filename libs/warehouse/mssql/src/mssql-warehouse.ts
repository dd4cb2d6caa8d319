import { ElstreamError, type Logger, type TableMapping } from '@elstream/core';
import { mssqlOf, type EntityDataSource, type Mssql } from '@elstream/database';
import { ComposedWarehouse, type EvolvingWarehouse, type HistoryWarehouse, type RepairableWarehouse, type Warehouse } from '@elstream/warehouse';
import { applyBatch } from './apply-batch';
import { serverProblems } from './checks';
import * as checkpoints from './checkpoints';
import { readCheckpoint, readCheckpoints, readTableStates } from './control-state';
import { createTarget, targetProblems } from './ddl';
import { createEvolution } from './evolution';
import { createHistory } from './history';
import { loadChunk } from './load-chunk';
import * as phases from './phases';
import * as reads from './reads';
import { createRepairs } from './repair';
import { buildTarget, shapeOf, type Target } from './target';
import type { WarehouseParts } from './warehouse-parts';

export interface MssqlWarehouseOptions {
  /** The warehouse's data source; its control tables exist (ControlStore.migrate). Closed by the caller, who shares it. */
  readonly dataSource: EntityDataSource;
  readonly pipeline: string;
  readonly logger: Logger;
}

/** The SQL Server warehouse (2019 and later) of one pipeline. */
export async function createMssqlWarehouse(options: MssqlWarehouseOptions): Promise<Warehouse> {
  const warehouse = new MssqlWarehouse(options);
  await warehouse.assertReachable();
  return warehouse;
}

class MssqlWarehouse extends ComposedWarehouse implements Warehouse {
  private readonly targets = new Map<string, Target>();
  private readonly dataSource: EntityDataSource;
  private readonly db: Mssql;
  private readonly pipeline: string;
  protected readonly repairs: RepairableWarehouse;
  protected readonly history: HistoryWarehouse;
  protected readonly evolution: EvolvingWarehouse;

  constructor(options: MssqlWarehouseOptions) {
    super();
    this.dataSource = options.dataSource;
    this.db = mssqlOf(options.dataSource);
    this.pipeline = options.pipeline;
    const parts: WarehouseParts = { dataSource: this.dataSource, db: this.db, pipeline: this.pipeline, targetOf: (mapping) => this.targetOf(mapping) };
    this.repairs = createRepairs(parts);
    this.history = createHistory(parts);
    this.evolution = createEvolution(parts);
  }

  async assertReachable(): Promise<void> {
    await this.db.rows('SELECT 1 AS one');
  }

  async check(): Promise<readonly string[]> {
    return serverProblems(this.db);
  }

  async checkTables(mappings: readonly TableMapping[]): Promise<readonly string[]> {
    const problems: string[] = [];
    for (const mapping of mappings) problems.push(...(await targetProblems(this.db, buildTarget(this.pipeline, mapping))));
    return problems;
  }

  async prepareTables(pipeline: string, mappings: readonly TableMapping[]): Promise<void> {
    const problems = await this.checkTables(mappings);
    if (problems.length > 0) throw new ElstreamError('WAREHOUSE_TABLE_IN_THE_WAY', 'refuse', problems.join('\n'), { place: { pipeline } });
    for (const mapping of mappings) await createTarget(this.db, pipeline, await this.targetOf(mapping));
  }

  async readCheckpoint(pipeline: string, partition: string): ReturnType<Warehouse['readCheckpoint']> {
    return readCheckpoint(this.db, pipeline, partition);
  }

  async readCheckpoints(pipeline: string): ReturnType<Warehouse['readCheckpoints']> {
    return readCheckpoints(this.db, pipeline);
  }

  async dropCheckpoints(...[pipeline, partitions]: Parameters<Warehouse['dropCheckpoints']>): Promise<void> {
    await checkpoints.dropCheckpoints(this.db, pipeline, partitions);
  }

  async createCheckpoint(...[pipeline, partition, next]: Parameters<Warehouse['createCheckpoint']>): ReturnType<Warehouse['createCheckpoint']> {
    return checkpoints.createCheckpoint(this.db, pipeline, partition, next);
  }

  async applyBatch(...[write]: Parameters<Warehouse['applyBatch']>): ReturnType<Warehouse['applyBatch']> {
    const targets = new Map<string, Target>();
    for (const { mapping } of write.tables) targets.set(mapping.id, await this.targetOf(mapping));
    return applyBatch(this.db, write, (id) => {
      const target = targets.get(id);
      if (target === undefined) throw new RangeError(`no target for ${id}`);
      return target;
    });
  }

  async declareGap(...[gap]: Parameters<Warehouse['declareGap']>): ReturnType<Warehouse['declareGap']> {
    return checkpoints.declareGap(this.db, gap);
  }

  async readTableStates(pipeline: string): ReturnType<Warehouse['readTableStates']> {
    return readTableStates(this.db, pipeline);
  }

  async beginPreload(...[pipeline, mapping, runId]: Parameters<Warehouse['beginPreload']>): Promise<number> {
    return phases.beginPreload(this.db, pipeline, await this.targetOf(mapping), runId);
  }

  async loadChunk(...[write]: Parameters<Warehouse['loadChunk']>): ReturnType<Warehouse['loadChunk']> {
    return loadChunk(this.db, write, await this.targetOf(write.mapping));
  }

  async finishPreload(...[pipeline, mapping, claim]: Parameters<Warehouse['finishPreload']>): ReturnType<Warehouse['finishPreload']> {
    return phases.finishPreload(this.db, pipeline, await this.targetOf(mapping), claim);
  }

  async setLiveAt(...[pipeline, table, epoch, position]: Parameters<Warehouse['setLiveAt']>): Promise<void> {
    await phases.setLiveAt(this.db, { pipeline, table, epoch, position });
  }

  async promoteLive(...[pipeline, passed]: Parameters<Warehouse['promoteLive']>): Promise<readonly string[]> {
    return phases.promoteLive(this.db, pipeline, passed);
  }

  async *planChunks(...[mapping, signal]: Parameters<Warehouse['planChunks']>): ReturnType<Warehouse['planChunks']> {
    yield* reads.planChunks(this.db, await this.targetOf(mapping), signal);
  }

  async readKeys(...[mapping, range]: Parameters<Warehouse['readKeys']>): ReturnType<Warehouse['readKeys']> {
    return reads.readKeys(this.db, await this.targetOf(mapping), range);
  }

  async readByKeys(...[mapping, keys]: Parameters<Warehouse['readByKeys']>): ReturnType<Warehouse['readByKeys']> {
    return reads.readByKeys(this.db, await this.targetOf(mapping), keys);
  }

  async checksums(...[mapping, range, buckets, signal]: Parameters<Warehouse['checksums']>): ReturnType<Warehouse['checksums']> {
    return reads.checksums(this.db, await this.targetOf(mapping), range, { buckets, signal });
  }

  async digests(...[mapping, range, buckets, signal]: Parameters<Warehouse['digests']>): ReturnType<Warehouse['digests']> {
    return reads.digests(this.db, await this.targetOf(mapping), range, { buckets, signal });
  }

  async countRows(mapping: TableMapping): Promise<number> {
    return reads.countRows(this.db, await this.targetOf(mapping));
  }

  /** The data source is shared and stays open. */
  async close(): Promise<void> {
    this.targets.clear();
    await Promise.resolve();
  }

  /** The table's target, its entities known to the data source; one per shape of the mapping. */
  private async targetOf(mapping: TableMapping): Promise<Target> {
    // by shape too: while a change is followed, work on both mappings alternates
    const shape = JSON.stringify([mapping.id, shapeOf(mapping)]);
    const known = this.targets.get(shape);
    if (known !== undefined) return known.mapping === mapping ? known : { ...known, mapping };
    const target = buildTarget(this.pipeline, mapping);
    await this.dataSource.addEntities([target.entity, target.markers]);
    this.targets.set(shape, target);
    return target;
  }
}
