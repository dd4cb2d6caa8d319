import { ElstreamError, type Logger, type TableMapping } from '@elstream/core';
import { onDatabase, readChecksums, readDigests, type EntityDataSource } from '@elstream/database';
import { ComposedWarehouse, type EvolvingWarehouse, type HistoryWarehouse, type RepairableWarehouse, type Warehouse } from '@elstream/warehouse';
import { applyBatch } from './apply-batch';
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

export interface PostgresWarehouseOptions {
  /** The warehouse's data source; its control tables exist (ControlStore.migrate). Closed by the caller, who shares it. */
  readonly dataSource: EntityDataSource;
  readonly pipeline: string;
  readonly logger: Logger;
}

const OLDEST_VERSION = 140_000;

/** The PostgreSQL warehouse (14 and later) of one pipeline. */
export async function createPostgresWarehouse(options: PostgresWarehouseOptions): Promise<Warehouse> {
  const warehouse = new PostgresWarehouse(options);
  await warehouse.assertReachable();
  return warehouse;
}

class PostgresWarehouse extends ComposedWarehouse implements Warehouse {
  private readonly targets = new Map<string, Target>();
  private readonly dataSource: EntityDataSource;
  private readonly pipeline: string;
  protected readonly repairs: RepairableWarehouse;
  protected readonly history: HistoryWarehouse;
  protected readonly evolution: EvolvingWarehouse;

  constructor(options: PostgresWarehouseOptions) {
    super();
    this.dataSource = options.dataSource;
    this.pipeline = options.pipeline;
    const parts: WarehouseParts = { dataSource: this.dataSource, pipeline: this.pipeline, targetOf: (mapping) => this.targetOf(mapping) };
    this.repairs = createRepairs(parts);
    this.history = createHistory(parts);
    this.evolution = createEvolution(parts);
  }

  async assertReachable(): Promise<void> {
    await onDatabase(this.dataSource, async (sql) => sql.query('SELECT 1'));
  }

  async check(): Promise<readonly string[]> {
    return onDatabase(this.dataSource, async (sql) => {
      const [server] = await sql.query<{ version: number; standby: boolean; temp: boolean; encoding: string }>(
        `SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby,
                has_database_privilege(current_database(), 'TEMPORARY') AS temp, current_setting('server_encoding') AS encoding`,
      );
      const problems: string[] = [];
      if (server === undefined) return ['the warehouse does not answer'];
      if (server.version < OLDEST_VERSION) problems.push('the warehouse is older than PostgreSQL 14; upgrade it');
      if (server.standby) problems.push('the warehouse is a standby and read-only; point warehouse.url at the primary');
      if (!server.temp) problems.push('the warehouse user may not create temporary tables; GRANT TEMPORARY ON DATABASE');
      if (server.encoding !== 'UTF8') problems.push(`the warehouse database has encoding ${server.encoding}; create it with ENCODING 'UTF8'`);
      return problems;
    });
  }

  async checkTables(mappings: readonly TableMapping[]): Promise<readonly string[]> {
    return onDatabase(this.dataSource, async (sql) => {
      const problems: string[] = [];
      for (const mapping of mappings) problems.push(...(await targetProblems(sql, buildTarget(this.pipeline, mapping))));
      return problems;
    });
  }

  async prepareTables(pipeline: string, mappings: readonly TableMapping[]): Promise<void> {
    const problems = await this.checkTables(mappings);
    if (problems.length > 0) throw new ElstreamError('WAREHOUSE_TABLE_IN_THE_WAY', 'refuse', problems.join('\n'), { place: { pipeline } });
    for (const mapping of mappings) await createTarget(this.dataSource, pipeline, await this.targetOf(mapping));
  }

  async readCheckpoint(pipeline: string, partition: string): ReturnType<Warehouse['readCheckpoint']> {
    return onDatabase(this.dataSource, async (sql) => readCheckpoint(sql, pipeline, partition));
  }

  async readCheckpoints(pipeline: string): ReturnType<Warehouse['readCheckpoints']> {
    return onDatabase(this.dataSource, async (sql) => readCheckpoints(sql, pipeline));
  }

  async dropCheckpoints(...[pipeline, partitions]: Parameters<Warehouse['dropCheckpoints']>): Promise<void> {
    await checkpoints.dropCheckpoints(this.dataSource, pipeline, partitions);
  }

  async createCheckpoint(...[pipeline, partition, next]: Parameters<Warehouse['createCheckpoint']>): ReturnType<Warehouse['createCheckpoint']> {
    return checkpoints.createCheckpoint(this.dataSource, pipeline, partition, next);
  }

  async applyBatch(...[write]: Parameters<Warehouse['applyBatch']>): ReturnType<Warehouse['applyBatch']> {
    const targets = new Map<string, Target>();
    for (const { mapping } of write.tables) targets.set(mapping.id, await this.targetOf(mapping));
    return applyBatch(this.dataSource, write, (id) => {
      const target = targets.get(id);
      if (target === undefined) throw new RangeError(`no target for ${id}`);
      return target;
    });
  }

  async declareGap(...[gap]: Parameters<Warehouse['declareGap']>): ReturnType<Warehouse['declareGap']> {
    return checkpoints.declareGap(this.dataSource, gap);
  }

  async readTableStates(pipeline: string): ReturnType<Warehouse['readTableStates']> {
    return onDatabase(this.dataSource, async (sql) => readTableStates(sql, pipeline));
  }

  async beginPreload(...[pipeline, mapping, runId]: Parameters<Warehouse['beginPreload']>): Promise<number> {
    return phases.beginPreload(this.dataSource, pipeline, await this.targetOf(mapping), runId);
  }

  async loadChunk(...[write]: Parameters<Warehouse['loadChunk']>): ReturnType<Warehouse['loadChunk']> {
    return loadChunk(this.dataSource, write, await this.targetOf(write.mapping));
  }

  async finishPreload(...[pipeline, mapping, claim]: Parameters<Warehouse['finishPreload']>): ReturnType<Warehouse['finishPreload']> {
    return phases.finishPreload(this.dataSource, pipeline, await this.targetOf(mapping), claim);
  }

  async setLiveAt(...[pipeline, table, epoch, position]: Parameters<Warehouse['setLiveAt']>): Promise<void> {
    await phases.setLiveAt(this.dataSource, { pipeline, table, epoch, position });
  }

  async promoteLive(...[pipeline, passed]: Parameters<Warehouse['promoteLive']>): Promise<readonly string[]> {
    return phases.promoteLive(this.dataSource, pipeline, passed);
  }

  async *planChunks(...[mapping, signal]: Parameters<Warehouse['planChunks']>): ReturnType<Warehouse['planChunks']> {
    yield* reads.planChunks(this.dataSource, await this.targetOf(mapping), signal);
  }

  async readKeys(...[mapping, range]: Parameters<Warehouse['readKeys']>): ReturnType<Warehouse['readKeys']> {
    return reads.readKeys(this.dataSource, await this.targetOf(mapping), range);
  }

  async readByKeys(...[mapping, keys]: Parameters<Warehouse['readByKeys']>): ReturnType<Warehouse['readByKeys']> {
    return reads.readByKeys(this.dataSource, await this.targetOf(mapping), keys);
  }

  async checksums(...[mapping, range, buckets, signal]: Parameters<Warehouse['checksums']>): ReturnType<Warehouse['checksums']> {
    return readChecksums(this.dataSource, reads.digestRows(await this.targetOf(mapping), range), buckets, signal);
  }

  async digests(...[mapping, range, buckets, signal]: Parameters<Warehouse['digests']>): ReturnType<Warehouse['digests']> {
    return readDigests(this.dataSource, reads.digestRows(await this.targetOf(mapping), range), buckets, signal);
  }

  async countRows(mapping: TableMapping): Promise<number> {
    return reads.countRows(this.dataSource, await this.targetOf(mapping));
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
