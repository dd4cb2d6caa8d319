import type { ControlStore } from '@elstream/control';
import { productOfUrl, type Logger } from '@elstream/core';
import { connectMssql, connectPostgres, productOf, type EntityDataSource, type MssqlConnection, type PostgresConnection } from '@elstream/database';
import type { DataSource } from 'typeorm';
import { againAfterDeadlock, namingTheHolder } from './again';
import * as claims from './claims';
import { controlEntitiesFor } from './entities';
import * as healing from './healing';
import * as leases from './leases';
import { controlDataSourceOptionsFor, migrateControlTables } from './migrate';
import * as pipelines from './pipelines';
import * as runs from './runs';
import * as tasks from './tasks';
import { writesOf } from './writes';

/**
 * The warehouse, as a DataSource made with `controlEntitiesFor` and `controlDataSourceOptionsFor` its product (it stays its
 * owner's: `close` leaves it open), or as a connection for a DataSource of the store's own.
 */
export type ControlStoreOptions = { readonly logger: Logger } & ({ readonly dataSource: DataSource } | { readonly connection: PostgresConnection | MssqlConnection });

/** The URL's scheme tells the product. */
function connect(connection: PostgresConnection | MssqlConnection): Promise<EntityDataSource> {
  if (productOfUrl(connection.url) === 'mssql') return connectMssql(connection, controlEntitiesFor('mssql'), controlDataSourceOptionsFor('mssql'));
  return connectPostgres(connection, controlEntitiesFor('postgres'), controlDataSourceOptionsFor('postgres'));
}

/**
 * The control store over TypeORM, on either product. Errors arrive classified (`classifyDatabaseError`); what is refused
 * carries `RUN_ACTIVE`, `PIPELINE_UNKNOWN` or `CONTROL_SCHEMA_NEWER`. Times are the server's.
 */
export async function createControlStore(options: ControlStoreOptions): Promise<ControlStore> {
  const own = 'connection' in options;
  const db = own ? await connect(options.connection) : options.dataSource;
  const on =
    <A extends unknown[], R>(fn: (db: DataSource, ...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      namingTheHolder(db, () => againAfterDeadlock(() => fn(db, ...args)));
  const writes = writesOf[productOf(db)];
  return {
    migrate: on(() => migrateControlTables(db, options.logger)),
    registerPipeline: on(pipelines.registerPipeline),
    readPipelines: on(pipelines.readPipelines),
    readPipeline: on(pipelines.readPipeline),
    setPaused: on(pipelines.setPaused),
    setStreamError: on(pipelines.setStreamError),
    setIdentity: on(pipelines.setIdentity),
    setGap: on(pipelines.setGap),
    nextCounter: on(pipelines.nextCounter),
    removePipeline: on(writes.removePipeline),
    saveMappings: on(writes.saveMappings),
    readMappings: on(pipelines.readMappings),
    replaceMapping: on(writes.replaceMapping),
    createRun: on(writes.createRun),
    readRun: on(runs.readRun),
    readRuns: on(runs.readRuns),
    startRun: on(runs.startRun),
    setRunTables: on(runs.setRunTables),
    endRun: on(writes.endRun),
    addTasks: on(writes.addTasks),
    readTask: on(tasks.readTask),
    readTasks: on(tasks.readTasks),
    summarize: on(tasks.summarize),
    pendingTasks: on(tasks.pendingTasks),
    claim: on(claims.claim),
    renew: on(claims.renew),
    complete: on(writes.complete),
    fail: on(claims.fail),
    releaseAbandoned: on(claims.releaseAbandoned),
    lead: on(leases.lead),
    resign: on(leases.resign),
    readDeadLetters: on(healing.readDeadLetters),
    readDeadLetter: on(healing.readDeadLetter),
    countDeadLetters: on(healing.countDeadLetters),
    replayableTables: on(healing.replayableTables),
    discardDeadLetters: on(healing.discardDeadLetters),
    noteReplay: on(healing.noteReplay),
    addSchemaChange: on(writes.addSchemaChange),
    readSchemaChanges: on(healing.readSchemaChanges),
    readSchemaChange: on(healing.readSchemaChange),
    decideSchemaChange: on(healing.decideSchemaChange),
    saveValidation: on(writes.saveValidation),
    readValidations: on(healing.readValidations),
    addEvent: on(writes.addEvent),
    readEvents: on(runs.readEvents),
    close: async () => {
      if (own && db.isInitialized) await db.destroy();
    },
  };
}
