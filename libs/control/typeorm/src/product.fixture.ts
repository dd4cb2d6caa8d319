import { silentLogger, type Product } from '@elstream/core';
import { connectMssql, connectPostgres, DEFAULT_TIMEOUTS, type EntityDataSource } from '@elstream/database';
import { createTestDatabase, createTestMssql, describeWith, itWith } from '@elstream/testing';
import type { EntitySchema } from 'typeorm';
import { controlMigrations, mssqlControlMigrations } from './index';

/** A database of a test, of either product. Statements are written so that both take them, with the literals of the product. */
export interface TestControlDatabase {
  readonly url: string;
  /** bigint comes as text, bit and boolean as boolean, times as Date. */
  query<R extends Record<string, unknown>>(sql: string): Promise<R[]>;
  /** A session of its own, with what it leaves open. */
  client(): Promise<{ query(sql: string): Promise<unknown> }>;
  drop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What the suites have to know of a product. */
export interface TestProduct {
  readonly product: Product;
  create(name: string): Promise<TestControlDatabase>;
  connect(connection: TestConnection, entities: readonly EntitySchema[], extra?: Record<string, unknown>): Promise<EntityDataSource>;
  readonly migrations: readonly (new () => { readonly name: string })[];
  /** The time so many milliseconds ago. */
  ago(ms: number): string;
  /** Milliseconds from now until the column's time. */
  msUntil(column: string): string;
  bytes(hex: string): string;
  /** Of the tables of schema elstream but `migration`: table_name, column_name, data_type, nullable ('YES' or 'NO'), given (1: identity or default). */
  readonly columns: string;
  /** What the data types of `columns` are in entities; the others have the same name. */
  readonly types: Readonly<Record<string, string>>;
  /** A test of what rests on rows being locked by reading them. */
  itLocks(name: string, body: () => Promise<void>): void;
  /** Tests of what rests on locks that readers take, and on seeing who waits for one. */
  describeLocks(name: string, body: () => void): void;
  /** Begins a transaction that lets nobody write the table. */
  block(table: string): string;
  /** Ids of the sessions of that application which wait for a lock. */
  waiting(application: string): string;
  end(session: number): string;
}

export type TestConnection = ReturnType<typeof connectionTo>;

/** Few, so that concurrency in tests also waits for the pool; on SQL Server half of them are the pool's. */
const MAX_CONNECTIONS = 8;

/** How a store of a test connects. */
export function connectionTo(db: { readonly url: string }, applicationName = 'control-test') {
  return { url: db.url, applicationName, maxConnections: MAX_CONNECTIONS, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 10_000, logger: silentLogger };
}

/** A text literal in either product. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export const postgres: TestProduct = {
  product: 'postgres',
  create: createTestDatabase,
  connect: connectPostgres,
  migrations: controlMigrations,
  ago: (ms) => `(now() - interval '${String(ms)} milliseconds')`,
  msUntil: (column) => `(extract(epoch FROM ${column} - now()) * 1000)::int`,
  bytes: (hex) => `'\\x${hex}'`,
  columns: `SELECT table_name, column_name, data_type, is_nullable AS nullable, (column_default IS NOT NULL OR is_identity = 'YES')::int AS given
              FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
             WHERE table_schema = 'elstream' AND table_type = 'BASE TABLE' AND table_name <> 'migration'`,
  types: { int: 'integer', timestamptz: 'timestamp with time zone' },
  itLocks: (name, body) => it(name, body),
  describeLocks: (name, body) => describe(name, body),
  block: (table) => `BEGIN; LOCK TABLE elstream."${table}" IN SHARE MODE`,
  waiting: (application) => `SELECT pid AS id FROM pg_stat_activity WHERE datname = current_database() AND application_name = ${literal(application)} AND wait_event_type = 'Lock'`,
  end: (session) => `SELECT pg_terminate_backend(${String(session)})`,
};

export const mssql: TestProduct = {
  product: 'mssql',
  create: createTestMssql,
  connect: connectMssql,
  migrations: mssqlControlMigrations,
  ago: (ms) => `DATEADD(millisecond, -${String(ms)}, SYSUTCDATETIME())`,
  msUntil: (column) => `DATEDIFF(millisecond, SYSUTCDATETIME(), ${column})`,
  bytes: (hex) => `0x${hex}`,
  columns: `SELECT o.name AS table_name, c.name AS column_name, t.name AS data_type, CASE WHEN c.is_nullable = 1 THEN 'YES' ELSE 'NO' END AS nullable,
                   CASE WHEN c.is_identity = 1 OR c.default_object_id <> 0 THEN 1 ELSE 0 END AS given
              FROM sys.tables AS o JOIN sys.columns AS c ON c.object_id = o.object_id JOIN sys.types AS t ON t.user_type_id = c.user_type_id
             WHERE o.schema_id = SCHEMA_ID('elstream') AND o.name <> 'migration'`,
  types: { uuid: 'uniqueidentifier' },
  itLocks: (name, body) => itWith('update-locks', name, body),
  describeLocks: (name, body) => describeWith('update-locks', name, body),
  block: (table) => `BEGIN TRANSACTION; SELECT TOP (1) 1 AS one FROM elstream.[${table}] WITH (TABLOCK, HOLDLOCK)`,
  waiting: (application) =>
    `SELECT s.session_id AS id FROM sys.dm_exec_sessions AS s JOIN sys.dm_exec_requests AS r ON r.session_id = s.session_id WHERE s.program_name = ${literal(application)} AND r.blocking_session_id <> 0`,
  end: (session) => `KILL ${String(session)}`,
};
