import { identify, isAlive } from '@elstream/embedded-postgres';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { eventually } from '../eventually';
import { acquireTestServer, readServerState, serverFiles } from './lease';

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

describe('the test server', () => {
  const saved = { ...process.env };
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-lease-'));
    process.env['ELSTREAM_TEST_SERVER_LINGER_MS'] = '300';
    delete process.env['ELSTREAM_TEST_PG_URL'];
  });
  afterEach(() => {
    process.env = { ...saved };
    rmSync(folder, { recursive: true, force: true });
  });

  it('is started once for all who ask at the same time, and ends when the last lease is released', async () => {
    const files = serverFiles(folder);
    const [first, second, third] = await Promise.all([acquireTestServer(files), acquireTestServer(files), acquireTestServer(files)]);
    expect(new Set([first.url, second.url, third.url]).size).toBe(1);
    first.release();
    second.release();
    expect(await answers(third.url)).toBe(true);
    const { supervisor } = readServerState(files.state)!;
    third.release();
    await eventually(() => !isAlive(supervisor), { describe: 'the supervisor ends' });
    expect(existsSync(files.state)).toBe(false);
    expect(await answers(third.url)).toBe(false);
  });

  it('is replaced when its supervisor was killed, a lock left by a dead process notwithstanding', async () => {
    const files = serverFiles(folder);
    const first = await acquireTestServer(files);
    process.kill(readServerState(files.state)!.supervisor.pid, 'SIGKILL');
    writeFileSync(files.lock, JSON.stringify({ ...identify(process.pid), startedAt: 'another time' }));
    const second = await eventually(() => acquireTestServer(files));
    expect(await answers(second.url)).toBe(true);
    expect(second.url).not.toBe(first.url);
    const { supervisor } = readServerState(files.state)!;
    second.release();
    await eventually(() => !isAlive(supervisor), { describe: 'the supervisor ends' });
  });

  it('is the one named by ELSTREAM_TEST_PG_URL, if set', async () => {
    process.env['ELSTREAM_TEST_PG_URL'] = 'postgresql://elsewhere/postgres';
    expect((await acquireTestServer(serverFiles(folder))).url).toBe('postgresql://elsewhere/postgres');
    expect(existsSync(serverFiles(folder).state)).toBe(false);
  });
});
