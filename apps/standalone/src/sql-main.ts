/** node sql-main.js URL STATEMENT: for those without psql. Prints what the statement returns, every value as its text. */
import { Client } from 'pg';

async function main(url: string | undefined, statement: string | undefined): Promise<number> {
  if (url === undefined || statement === undefined) {
    process.stderr.write('usage: node sql-main.js CONNECTION_STRING STATEMENT\n');
    return 2;
  }
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    const result = await client.query<(string | null)[]>({ text: statement, rowMode: 'array', types: { getTypeParser: () => (text: string) => text } });
    if (result.fields.length > 0) process.stdout.write(`${result.fields.map((field) => field.name).join(' | ')}\n`);
    for (const row of result.rows) process.stdout.write(`${row.map((value) => value ?? 'NULL').join(' | ')}\n`);
    process.stdout.write(`${result.command} ${String(result.rowCount ?? '')}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await client.end();
  }
}

void main(process.argv[2], process.argv[3]).then((code) => (process.exitCode = code));
