import { Client } from 'pg';

/** A connection that ends with `fn`. */
export async function withClient<T>(url: string, fn: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect(url);
  try {
    return await fn(client);
  } finally {
    await client.end();
  }
}

export async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, application_name: 'elstream bench' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** The first value of the first row, as text. */
export async function scalar(client: Client, sql: string, params: readonly unknown[] = []): Promise<string | null> {
  const { rows } = await client.query<(string | null)[]>({ text: sql, values: [...params], rowMode: 'array', types: { getTypeParser: () => (value: unknown) => value } });
  return rows[0]?.[0] ?? null;
}

/** Asks until `probe` holds. Throws after `limitMs`, or at once when `unlessFails` rejects. */
export async function until(what: string, probe: () => Promise<boolean>, { everyMs = 20, limitMs = 900_000, unlessFails }: { everyMs?: number; limitMs?: number; unlessFails?: Promise<never> } = {}): Promise<void> {
  const deadline = Date.now() + limitMs;
  const wait = async (): Promise<void> => {
    while (!(await probe())) {
      if (Date.now() > deadline) throw new Error(`waited ${String(limitMs)} ms for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  };
  await (unlessFails === undefined ? wait() : Promise.race([wait(), unlessFails]));
}

/** Milliseconds `work` took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
