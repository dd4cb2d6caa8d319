import type { ControlStore, NewTask } from '@elstream/control';
import { silentLogger } from '@elstream/core';
import { bracket, EntityDataSource, typeormName, useMssql, type Mssql, type MssqlParams, type TSqlSession } from '@elstream/database';
import type { GoldenStatement } from '@elstream/testing';
import * as driver from 'mssql';
import { QueryResult, type DataSourceOptions, type QueryRunner } from 'typeorm';
import { controlDataSourceOptionsFor, controlEntitiesFor, createControlStore } from './index';
import { batches } from './mssql/batches';

const ID = '00000000-0000-0000-0000-000000000001';
const CLAIM = { taskId: ID, attempt: 1, runId: ID, epoch: 1 };
const TASK: NewTask = { kind: 'preload-chunk', table: 't', epoch: 1, payload: { n: 1 } };
const MAPPING = { id: 't', source: { schema: 's', name: 't' }, target: { schema: 's', name: 't' }, columns: [], key: [0], chunkRows: 1 };

/** Every call of the store that issues a statement of its own. */
export const CALLS: Readonly<Record<string, (store: ControlStore) => Promise<unknown>>> = {
  'migrate': (s) => s.migrate(),
  'register-pipeline': (s) => s.registerPipeline('p'),
  'read-pipelines': (s) => s.readPipelines(),
  'read-pipeline': (s) => s.readPipeline('p'),
  'set-paused': (s) => s.setPaused('p', true),
  'set-stream-error': (s) => s.setStreamError('p', 'why'),
  'set-identity': (s) => s.setIdentity('p', { system: '1', fork: '1' }),
  'set-gap': (s) => s.setGap('p', 'why'),
  'next-counter': (s) => s.nextCounter('p'),
  'save-mappings': (s) => s.saveMappings('p', [MAPPING]),
  'read-mappings': (s) => s.readMappings('p'),
  'replace-mapping': (s) => s.replaceMapping('p', MAPPING, { ...MAPPING, chunkRows: 2 }),
  'create-run': (s) => s.createRun({ pipeline: 'p', reason: 'initial', tables: ['t'] }),
  'read-run': (s) => s.readRun(ID),
  'read-runs': (s) => s.readRuns({ pipeline: 'p', lane: 'load', states: ['pending', 'running'], limit: 10 }),
  'start-run': (s) => s.startRun(ID),
  'set-run-tables': (s) => s.setRunTables(ID, ['t']),
  'end-run': (s) => s.endRun(ID, 'failed', 'why'),
  'end-run-for-gap': (s) => s.endRun(ID, 'failed', 'why', 'gap'),
  'add-tasks': (s) => s.addTasks(ID, [TASK]),
  'read-task': (s) => s.readTask(ID),
  'read-tasks': (s) => s.readTasks(ID, { kind: 'preload-chunk', state: 'done', counted: 'found', skip: 1, limit: 10 }),
  'read-tasks-without': (s) => s.readTasks(ID, { without: ['keys', 'differences'], limit: 10 }),
  'summarize': (s) => s.summarize(ID),
  'pending-tasks': (s) => s.pendingTasks(10),
  'claim': (s) => s.claim(ID, 'w'),
  'renew': (s) => s.renew(CLAIM),
  'complete': (s) => s.complete(CLAIM, { rows: 1 }, [TASK]),
  'complete-without-epoch': (s) => s.complete({ ...CLAIM, epoch: null }, {}),
  'fail': (s) => s.fail(CLAIM, 'why', false),
  'fail-for-good': (s) => s.fail(CLAIM, 'why', true),
  'release-abandoned': (s) => s.releaseAbandoned({ olderThanMs: 1, except: 'w' }),
  'lead': (s) => s.lead('r', 'h', 1_000),
  'resign': (s) => s.resign('r', 'h'),
  'add-event': (s) => s.addEvent({ runId: ID, type: 'x', table: 't', detail: {} }),
  'read-events': (s) => s.readEvents(ID, 1, 10),
  'read-dead-letters': (s) => s.readDeadLetters({ pipeline: 'p', ids: [ID], table: 't', code: 'c', state: 'parked', after: ID, limit: 10 }),
  'read-dead-letter': (s) => s.readDeadLetter(ID),
  'count-dead-letters': (s) => s.countDeadLetters('p'),
  'replayable-tables': (s) => s.replayableTables('p', 'c'),
  'discard-dead-letters': (s) => s.discardDeadLetters({ pipeline: 'p', ids: [ID], table: 't', code: 'c' }, 'why'),
  'note-replay': (s) => s.noteReplay(ID, 'why'),
  'add-schema-change': (s) => s.addSchemaChange({ pipeline: 'p', table: 't', state: 'proposed', change: { added: [], dropped: [], widened: [], obstacles: [] } }),
  'read-schema-changes': (s) => s.readSchemaChanges({ pipeline: 'p', table: 't', state: 'proposed', limit: 10 }),
  'read-schema-change': (s) => s.readSchemaChange(ID),
  'decide-schema-change': (s) => s.decideSchemaChange(ID, 'accepted'),
  'save-validation': (s) => s.saveValidation({ pipeline: 'p', table: 't', runId: ID, scope: 'full', position: '0a', rowsCompared: 1, confirmedEqual: 1, unverified: 0, differences: 0 }),
  'read-validations': (s) => s.readValidations({ pipeline: 'p', table: 't', good: true, limit: 10 }),
  'read-bad-validations': (s) => s.readValidations({ pipeline: 'p', good: false, limit: 10 }),
  'remove-pipeline': (s) => s.removePipeline('p'),
};

const LEARN = 'https://learn.microsoft.com/en-us/sql';
/** What a statement relies on, the most particular first. */
const DOCS: readonly (readonly [RegExp, string])[] = [
  [/sp_getapplock/, `${LEARN}/relational-databases/system-stored-procedures/sp-getapplock-transact-sql`],
  [/STRING_AGG/, `${LEARN}/t-sql/functions/string-agg-transact-sql`],
  [/JSON_MODIFY/, `${LEARN}/t-sql/functions/json-modify-transact-sql`],
  [/OPENJSON/, `${LEARN}/t-sql/functions/openjson-transact-sql`],
  [/OUTPUT INSERTED/, `${LEARN}/t-sql/queries/output-clause-transact-sql`],
  [/HOLDLOCK|UPDLOCK/, `${LEARN}/t-sql/queries/hints-transact-sql-table`],
  [/FETCH NEXT/, `${LEARN}/t-sql/queries/select-order-by-clause-transact-sql`],
  [/^CREATE (?:UNIQUE )?INDEX/, `${LEARN}/t-sql/statements/create-index-transact-sql`],
  [/^CREATE TABLE/, `${LEARN}/t-sql/statements/create-table-transact-sql`],
];

const ROWS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Run: { Run_id: ID, Run_seq: '1', Run_pipeline: 'p', Run_state: 'running', Run_stages: '[]', Run_tables: '[]', Run_scope: '{}' },
  Pipeline: { Pipeline_name: 'p', Pipeline_paused: false },
  PipelineTable: { PipelineTable_pipeline: 'p', PipelineTable_table_id: 't', PipelineTable_ordinal: 0, PipelineTable_mapping: JSON.stringify(MAPPING) },
  Task: { Task_id: ID, Task_run_id: ID, Task_state: 'pending', Task_payload: '{}', Task_rows: '0' },
  SchemaChange: { SchemaChange_id: ID, SchemaChange_seq: '1', SchemaChange_state: 'accepted', SchemaChange_change: '{}' },
};

/** What a server would say, so that the calls go all their way. */
function answer(sql: string): unknown[] {
  if (sql.includes('sp_getapplock')) return [{ result: 0 }];
  if (sql.includes('OUTPUT INSERTED')) return [{ counter: '1', attempt: 1 }];
  if (sql.includes('AS outcome')) return [{ outcome: 'done', pipeline: 'p', active: null }];
  if (sql.includes('AS replaced')) return [{ replaced: 1 }];
  if (sql.includes(batches.storedMapping)) return [{ mapping: JSON.stringify(MAPPING) }];
  if (sql.includes('INFORMATION_SCHEMA') || sql.includes('sys.schemas')) return [];
  const from = /FROM \[elstream\]\.\[\w+\] \[(\w+)\]/.exec(sql)?.[1];
  const row = from === undefined ? undefined : ROWS[from];
  return row === undefined ? [] : [row];
}

interface Sent {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  /** On a connection held exclusively, not one of the pool's. */
  readonly held?: true;
}

/** What the client does with transactions, among the statements sent. */
export const BY_THE_CLIENT = '-- by the client: ';

/** A store on a DataSource that is not connected, and what it would have sent to SQL Server. @param said what the server says; throws what it raises */
export async function recordingStore(said: (sql: string) => unknown[] = answer, database = 'warehouse'): Promise<{ readonly store: ControlStore; readonly sent: Sent[] }> {
  const sent: Sent[] = [];
  const options = { type: 'mssql', driver, host: 'nowhere', database: typeormName(database), entities: [...controlEntitiesFor('mssql')], ...controlDataSourceOptionsFor('mssql') };
  const dataSource = new EntityDataSource(options as unknown as DataSourceOptions, bracket);
  await dataSource.addEntities([]);
  const createRunner = dataSource.createQueryRunner.bind(dataSource);
  dataSource.createQueryRunner = () => recorder(createRunner(), sent, said);
  useMssql(dataSource, gate(sent, said));
  return { store: await createControlStore({ dataSource, logger: silentLogger }), sent };
}

/** Calls the whole store. */
export async function recordStatements(): Promise<GoldenStatement[]> {
  const { store, sent } = await recordingStore();
  const statements = new Map<string, GoldenStatement>();
  for (const [call, of] of Object.entries(CALLS)) {
    sent.length = 0;
    await of(store);
    const fresh = [...new Set(sent.map(({ sql }) => sql))].filter((sql) => !statements.has(sql) && !sql.startsWith(BY_THE_CLIENT));
    for (const [i, sql] of fresh.entries()) {
      const docs = DOCS.find(([uses]) => uses.test(sql))?.[1];
      const name = created(sql) ?? (fresh.length === 1 ? call : `${call}-${String(i + 1)}`);
      statements.set(sql, { name, sql, ...(docs === undefined ? {} : { docs }) });
    }
  }
  // Asked only where a lock was not had in time.
  return [...statements.values(), { name: 'lock-holder', sql: batches.holder, docs: `${LEARN}/relational-databases/system-dynamic-management-views/sys-dm-tran-locks-transact-sql` }];
}

/** The name of what a statement creates: a migration has many. */
function created(sql: string): string | null {
  const match = /^CREATE (?:UNIQUE )?(TABLE|INDEX|VIEW) (?:elstream\.)?\[?(\w+)/.exec(sql);
  return match === null ? null : `migrate-${match[1] ?? ''}-${match[2] ?? ''}`.toLowerCase().replaceAll('_', '-');
}

/** Of batches, each on a connection held exclusively; the pool's is asked for none. */
function gate(sent: Sent[], said: (sql: string) => unknown[]): Mssql {
  const sets = async (sql: string, parameters: MssqlParams = {}): Promise<unknown[][]> => {
    sent.push({ sql, parameters: Object.values(parameters), held: true });
    return [await Promise.resolve().then(() => said(sql))];
  };
  return { session: <T>(fn: (of: TSqlSession) => Promise<T>) => fn({ sets } as unknown as TSqlSession) } as unknown as Mssql;
}

function recorder(runner: QueryRunner, sent: Sent[], said: (sql: string) => unknown[]): QueryRunner {
  const query = async (sql: string, parameters: unknown[] = [], structured = false): Promise<unknown> => {
    sent.push({ sql, parameters });
    const rows = await Promise.resolve().then(() => said(sql));
    return structured ? Object.assign(new QueryResult(), { records: rows, raw: rows, affected: 1 }) : rows;
  };
  const active = (isTransactionActive: boolean) => (): Promise<void> => {
    sent.push({ sql: `${BY_THE_CLIENT}${isTransactionActive ? 'BEGIN' : 'COMMIT'}`, parameters: [] });
    return Promise.resolve(void Object.assign(runner, { isTransactionActive }));
  };
  return Object.assign(runner, { query, startTransaction: active(true), commitTransaction: active(false), rollbackTransaction: active(false), release: () => Promise.resolve() });
}
