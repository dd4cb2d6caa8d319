import 'reflect-metadata';
import path from 'node:path';
import { sleep } from '@elstream/core';
import { live, type Running } from '../life';

const write = (text = ''): void => void process.stdout.write(`${text}\n`);

/** What a person needs to see it work. */
async function introduce(running: Running): Promise<void> {
  const { standalone, setup } = running;
  const { url } = standalone;
  const [pipeline] = setup.pipelines;
  write(`elstream is up; Ctrl-C stops it, the next start goes on where it stood.`);
  write();
  write(`  API        ${url}/api/v1/pipelines${pipeline === undefined ? '' : `/${encodeURIComponent(pipeline.name)}`}`);
  write(`  docs       ${url}/api/docs`);
  write(`  health     ${url}/health/ready`);
  write(`  metrics    ${url}/metrics`);
  if (setup.databases !== null) write();
  for (const [side, address] of setup.databases?.urls ?? []) write(`  ${side.padEnd(10)} ${address}`);
  await followFirstRuns(running);
  if (setup.sample) explain(setup.databases?.urls.get('source') ?? '', setup.databases?.urls.get('warehouse') ?? process.env['WAREHOUSE_URL'] ?? '');
}

/** Until every pipeline has been copied once; a run that fails says why and leaves the API up. */
async function followFirstRuns({ standalone: { runtime, url }, signal }: Running): Promise<void> {
  write();
  for (const pipeline of runtime.registry.names()) {
    const runs = await runtime.store.readRuns({ pipeline, limit: 1 });
    const [latest] = runs;
    if (latest === undefined) continue;
    let run = latest;
    if (run.state === 'pending' || run.state === 'running') write(`  ${pipeline}: copying what is there`);
    while (!signal.aborted && (run.state === 'pending' || run.state === 'running')) {
      await sleep(200, signal);
      run = (await runtime.store.readRun(run.id)) ?? run;
    }
    if (signal.aborted) return;
    const { tables, rowsCompared, differences } = await runtime.overview.run(run.id);
    const rows = tables.reduce((sum, t) => sum + t.preload.rows, 0);
    if (run.state !== 'succeeded') write(`  ${pipeline}: the run ${run.state}: ${run.error ?? ''}\n  start another: curl -X POST ${url}/api/v1/pipelines/${encodeURIComponent(pipeline)}/runs`);
    else if (run.id === latest.id && latest.state === 'succeeded') write(`  ${pipeline}: copied before (${run.finishedAt?.toISOString() ?? ''}); the stream goes on from its checkpoint`);
    else write(`  ${pipeline}: ${String(rows)} rows copied, ${String(rowsCompared)} compared, ${String(differences)} differences; changes are streamed from here on`);
  }
}

function explain(source: string, warehouse: string): void {
  const sql = path.relative(process.cwd(), path.join(__dirname, '..', 'sql-main.js'));
  write();
  write('Change a row at the source, then look for it in the warehouse:');
  write();
  write(`  node ${sql} '${source}' "UPDATE inventory.customers SET first_name = 'Ada' WHERE id = 1001"`);
  write(`  node ${sql} '${warehouse}' "SELECT id, first_name, last_name, email FROM inventory.customers WHERE id = 1001"`);
  write();
  write(`or with psql: psql '${source}'`);
}

void live(process.argv.slice(2), { run: true, logLevel: 'warn', up: introduce }).then((code) => process.exit(code));
