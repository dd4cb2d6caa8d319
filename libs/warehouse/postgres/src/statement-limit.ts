import type { Sql } from '@elstream/database';

/** For the rest of the transaction: what takes the time that a table's size asks for would, broken off, begin anew for ever. */
export async function liftStatementLimit(sql: Sql): Promise<void> {
  await sql.query(`SELECT set_config('statement_timeout', '0', true)`);
}
