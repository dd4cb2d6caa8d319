import type { DataSource, QueryRunner } from 'typeorm';

/**
 * Every transaction of ours is bounded: a stopped process cannot hold the next owner up (R2). Milliseconds.
 * `idle`: how long the server waits for the client's next statement before it aborts the transaction.
 */
export interface TransactionTimeouts {
  readonly statementMs: number;
  readonly lockMs: number;
  readonly idleMs: number;
}

/** The narrow gate to SQL inside one transaction. Values are bound, identifiers quoted by the caller's dialect. */
export interface Sql {
  /** Rows as the driver gives them; cast to text in the statement what must arrive losslessly. */
  query<R extends object = Record<string, unknown>>(sql: string, params?: readonly unknown[]): Promise<R[]>;
  /** Rows affected by an INSERT, UPDATE or DELETE. */
  execute(sql: string, params?: readonly unknown[]): Promise<number>;
  readonly runner: QueryRunner;
}

/** Wraps a query runner. Affected counts come from the driver's result, not from RETURNING. */
export function sqlOn(runner: QueryRunner): Sql {
  return {
    runner,
    async query<R extends object>(sql: string, params: readonly unknown[] = []): Promise<R[]> {
      const result = await runner.query(sql, [...params], true);
      return result.records as R[];
    },
    async execute(sql: string, params: readonly unknown[] = []): Promise<number> {
      const result = await runner.query(sql, [...params], true);
      return result.affected ?? 0;
    },
  };
}

/** Runs `fn` on a runner of its own without a transaction; the connection goes back to the pool. */
export async function onConnection<T>(dataSource: DataSource, fn: (sql: Sql) => Promise<T>): Promise<T> {
  const runner = dataSource.createQueryRunner();
  try {
    return await fn(sqlOn(runner));
  } finally {
    await runner.release();
  }
}
