import { type EmbeddedServer, startEmbeddedPostgres } from '@elstream/embedded-postgres';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { serverRoot } from './server-root';

/** Only of the primary while it runs; a copy would be refused or would take its place. */
const NOT_COPIED = ['postmaster.pid', 'postmaster.opts', 'standby.signal', 'recovery.signal'];

/**
 * A streaming standby of `primary`, made from a copy of its files (the packaged server has no pg_basebackup). Stopping it
 * deletes its data; stop it before the primary.
 */
export async function startOwnStandby(primary: EmbeddedServer, settings: Readonly<Record<string, string>> = {}): Promise<EmbeddedServer> {
  const folder = mkdtempSync(path.join(serverRoot(), 'elstream-standby-'));
  chmodSync(folder, 0o755);
  const dataDir = path.join(folder, 'data');
  const client = new Client({ connectionString: primary.url });
  await client.connect();
  try {
    await client.query(`SELECT pg_backup_start('standby', true)`);
    copyFolder(primary.dataDir, dataDir);
    const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    for (const name of NOT_COPIED) rmSync(path.join(dataDir, name), { force: true });
    write(dataDir, 'backup_label', rows[0]?.labelfile ?? '');
    write(dataDir, 'standby.signal', '');
    const { user, password } = JSON.parse(readFileSync(path.join(dataDir, 'elstream.json'), 'utf8')) as { user: string; password: string };
    write(dataDir, 'elstream.json', JSON.stringify({ user, password }));
  } finally {
    await client.end();
  }
  const primaryConninfo = `host=${primary.host} port=${String(primary.port)} user=${primary.user} password=${primary.password} application_name=standby`;
  const server = await startEmbeddedPostgres({ dataDir, durable: false, persistent: false, settings: { primary_conninfo: primaryConninfo, hot_standby: 'on', ...settings } });
  const stop = server.stop.bind(server);
  return Object.assign(server, {
    stop: async (mode?: Parameters<typeof stop>[0]) => {
      await stop(mode);
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

/** Files may change and go while they are copied; the log since the start of the backup puts that right. */
function copyFolder(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' });
  const real = stderr.split('\n').filter((line) => line !== '' && !line.includes('No such file or directory'));
  if (status !== 0 && real.length > 0) throw new Error(`cannot copy ${from}: ${real.join('; ')}`);
}

/** In the hands of the account that owns the folder. */
function write(dataDir: string, name: string, text: string): void {
  const at = path.join(dataDir, name);
  rmSync(at, { force: true });
  writeFileSync(at, text, { mode: 0o600 });
  spawnSync('chown', ['--reference', dataDir, at]);
}
