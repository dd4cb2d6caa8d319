import type { DataSource, QueryRunner } from 'typeorm';
import { ElstreamError, type Product } from '@elstream/core';
import { classifyMssqlError, isMssqlError } from './mssql/errors';
import { classifyPostgresError, isDatabaseError as isPostgresError } from './postgres/errors';
import { onConnection, sqlOn, type Sql } from './transaction';

/** The product behind a DataSource of ours. */
export function productOf(dataSource: DataSource): Product {
  return dataSource.options.type === 'mssql' ? 'mssql' : 'postgres';
}

/** Any error of the product's driver or TypeORM → `ElstreamError` with code, recovery and remedy. */
export function classifyDatabaseError(product: Product, error: unknown): ElstreamError {
  return product === 'mssql' ? classifyMssqlError(error) : classifyPostgresError(error);
}

/**
 * One transaction on a runner, READ COMMITTED: every statement sees what is committed when it begins, so what is read
 * after a lock was taken is current. Commits when `fn` resolves; anything thrown rolls back and arrives as it is if it
 * is no database error, classified otherwise.
 */
export async function inRunnerTransaction<T>(runner: QueryRunner, fn: (sql: Sql) => Promise<T>): Promise<T> {
  const product = productOf(runner.dataSource);
  try {
    await runner.startTransaction('READ COMMITTED');
    const result = await fn(sqlOn(runner));
    await runner.commitTransaction();
    return result;
  } catch (error) {
    if (runner.isTransactionActive) {
      // The first error is the one that matters; a failed rollback means the connection is gone, and with it the transaction.
      await runner.rollbackTransaction().catch(() => undefined);
    }
    const ofDatabase = product === 'mssql' ? isMssqlError(error) : isPostgresError(error);
    throw ofDatabase ? classifyDatabaseError(product, error) : error;
  }
}

/** The same on a connection of its own. */
export async function inTransaction<T>(dataSource: DataSource, fn: (sql: Sql) => Promise<T>): Promise<T> {
  const runner = dataSource.createQueryRunner();
  try {
    return await inRunnerTransaction(runner, fn);
  } catch (error) {
    throw classifyDatabaseError(productOf(dataSource), error);
  } finally {
    await runner.release();
  }
}

/** Statements outside a transaction, errors classified. */
export async function onDatabase<T>(dataSource: DataSource, fn: (sql: Sql) => Promise<T>): Promise<T> {
  try {
    return await onConnection(dataSource, fn);
  } catch (error) {
    throw error instanceof ElstreamError ? error : classifyDatabaseError(productOf(dataSource), error);
  }
}
