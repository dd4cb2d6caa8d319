import type { BulkTable, MssqlParams, TSqlSession } from '@elstream/database';

/** A session that answers by a function and remembers what it was asked. */
export class FakeSession implements TSqlSession {
  readonly asked: string[] = [];
  /** Of `asked`, what was said of its time; undefined: the connection's. */
  readonly timeouts: (number | undefined)[] = [];
  readonly loaded: { readonly table: string; readonly rows: (readonly unknown[])[] }[] = [];

  constructor(private readonly answer: (statement: string, params: MssqlParams) => Record<string, unknown>[][] | Error) {}

  async rows<R extends object>(statement: string, params: MssqlParams = {}): Promise<R[]> {
    return ((await this.sets(statement, params))[0] ?? []) as R[];
  }

  sets(statement: string, params: MssqlParams = {}, { timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<Record<string, unknown>[][]> {
    this.asked.push(statement);
    this.timeouts.push(timeoutMs);
    const answer = this.answer(statement, params);
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }

  async execute(statement: string, params: MssqlParams = {}): Promise<number> {
    return (await this.sets(statement, params)).length;
  }

  async *cells(): AsyncGenerator<unknown[]> {
    await Promise.reject(new Error('not asked'));
    yield [];
  }

  batch(statement: string): Promise<Record<string, unknown>[][]> {
    return this.sets(statement);
  }

  async bulk({ name }: BulkTable, rows: Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>): Promise<number> {
    const taken: (readonly unknown[])[] = [];
    for await (const row of rows) taken.push(row);
    this.loaded.push({ table: name, rows: taken });
    return taken.length;
  }
}
