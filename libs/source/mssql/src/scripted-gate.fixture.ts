import { type Mssql, type MssqlParams } from '@elstream/database';

export interface Asked {
  readonly sql: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A gate that answers by a script and remembers what it was asked. */
export interface ScriptedGate extends Mssql {
  readonly asked: Asked[];
}

/** @param answer rows as objects (`rows`) or as arrays (`cells`) of a statement */
export function scriptedGate(answer: (asked: Asked) => readonly unknown[]): ScriptedGate {
  const asked: Asked[] = [];
  const ask = (sql: string, params: MssqlParams = {}): readonly unknown[] => {
    const question = { sql, params: Object.fromEntries(Object.entries(params).map(([name, { value }]) => [name, value])) };
    asked.push(question);
    return answer(question);
  };
  const never = (): never => {
    throw new Error('a source writes nothing');
  };
  return {
    asked,
    lockMs: 0,
    rows: async <R extends object>(sql: string, params?: MssqlParams) => Promise.resolve(ask(sql, params) as R[]),
    cells: async function* cells(sql: string, params?: MssqlParams, signal?: AbortSignal) {
      signal?.throwIfAborted();
      for (const row of ask(sql, params)) yield await Promise.resolve(row as unknown[]);
    },
    sets: never,
    execute: never,
    session: never,
  };
}
