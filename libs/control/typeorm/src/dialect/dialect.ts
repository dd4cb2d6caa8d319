import type { Product } from '@elstream/core';
import type { Sql } from '@elstream/database';
import type { EntityManager } from 'typeorm';

/** A piece of a query builder's statement, with its named parameters. */
export interface Piece {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** A statement with positional parameters. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** What differs between the products in single statements of the control store, which are otherwise written once; for transactions see `writes.ts`. */
export interface ControlDialect {
  readonly product: Product;
  /** The server's clock; as a value of TypeORM's `set`. */
  readonly now: () => string;
  /** Quoted, with the schema. */
  readonly table: (name: string) => string;
  /** The time `parameter` milliseconds ago. */
  readonly ago: (parameter: string) => string;
  /** Condition: the JSON object `column` has a number above zero by this name. */
  readonly counts: (column: string, name: string) => Piece;
  /** The JSON object `column` without the parts of these names; its value goes through `parsed`. */
  readonly without: (column: string, names: readonly string[]) => Piece;
  /** JSON as a raw query gives it. */
  readonly parsed: (raw: unknown) => Record<string, unknown> | null;
  /** Condition: `column`, a uuid, is one of these; however many. */
  readonly isOneOf: (column: string, ids: readonly string[]) => Piece;
  /** At most `limit` pending tasks per running run and kind, in the order of `kinds`, runs by turns: id, runId, pipeline, kind. */
  readonly pendingTasks: (kinds: readonly string[], limit: number) => Statement;
  /** Nothing if it exists. */
  insertPipeline(manager: EntityManager, name: string): Promise<void>;
  /** Takes or renews a lead; false: another holder has it. See `ControlStore.lead`. */
  lead(sql: Sql, lease: LeaseRequest): Promise<boolean>;
  /** Holds off other processes that migrate until the transaction ends, and makes the schema exist. */
  prepareMigration(sql: Sql): Promise<void>;
}

export interface LeaseRequest {
  readonly role: string;
  readonly holder: string;
  readonly forMs: number;
  readonly steal: boolean;
}
