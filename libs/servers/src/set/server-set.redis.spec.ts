import { identify, isAlive, type ProcessIdentity } from '@elstream/embedded-postgres';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { startRedisServer } from '../redis-server';
import { redisCommand } from '../resp';
import { run } from '../run';
import { scratchFolder, until } from '../servers.fixture';
import { servers, servingFolder } from './set.fixture';
import { type SetState } from './state';

/** Kafka has a suite of its own. */
const up = ['up', '--without', 'kafka,connect'];

/** The variables that a shell has after `eval` of the output. */
async function evaluated(output: string): Promise<Record<string, string>> {
  const { stdout } = await run('/bin/sh', ['-c', `eval "$1"; printf '%s\\n' "$REDIS_URL" "$SOURCE_URL" "$WAREHOUSE_URL"`, 'sh', output], { env: {} });
  const [redis = '', source = '', warehouse = ''] = stdout.split('\n');
  return { REDIS_URL: redis, SOURCE_URL: source, WAREHOUSE_URL: warehouse };
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows.map((row) => Object.values(row)[0]);
  } finally {
    await client.end();
  }
}

const stateOf = (folder: string): SetState => JSON.parse(readFileSync(path.join(folder, 'servers', 'servers.json'), 'utf8')) as SetState;
const supervisorOf = (folder: string): ProcessIdentity => stateOf(folder).supervisor!;

describe('npm run servers', () => {
  it('brings the set up for a shell, leaves a running one alone, and keeps data and addresses over down and up', async () => {
    await using folder = servingFolder();
    expect((await servers(folder.path, ['status'])).code).toBe(1);
    const first = await servers(folder.path, up);
    expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(/redis +up .*Redis.*\n.*source +up .*PostgreSQL.*\n.*warehouse +up/) as string });
    const urls = await evaluated(first.stdout);
    await redisCommand(urls['REDIS_URL']!, ['SET', 'key', 'value']);
    await query(urls['SOURCE_URL']!, 'CREATE TABLE kept (id int)');
    expect(await query(urls['WAREHOUSE_URL']!, 'SELECT current_database()')).toEqual(['warehouse']);
    const supervisor = supervisorOf(folder.path);

    // In the shell that has evaluated the output, REDIS_URL names our Redis, not one of the user's.
    expect(await servers(folder.path, up, urls)).toMatchObject({ code: 0, stdout: first.stdout });
    expect(supervisorOf(folder.path)).toEqual(supervisor);
    const status = await servers(folder.path, ['status']);
    expect(status).toMatchObject({ code: 0, stderr: '' });
    for (const url of Object.values(urls)) {
      expect(status.stdout).toContain(new URL(url).host);
      expect(status.stdout + first.stderr).not.toContain(new URL(url).password);
    }
    expect(statSync(path.join(folder.path, 'servers', 'servers.json')).mode & 0o077).toBe(0);

    expect(await servers(folder.path, ['down'])).toMatchObject({ code: 0, stderr: 'stopped\n' });
    expect(isAlive(supervisor)).toBe(false);
    await expect(redisCommand(urls['REDIS_URL']!, ['PING'])).rejects.toThrow('ECONNREFUSED');
    expect((await servers(folder.path, ['status'])).code).toBe(1);
    expect(await servers(folder.path, ['down'])).toMatchObject({ code: 0, stderr: 'nothing ran\n' });

    expect(await servers(folder.path, up, urls)).toMatchObject({ code: 0, stdout: first.stdout });
    expect(await redisCommand(urls['REDIS_URL']!, ['GET', 'key'])).toBe('value');
    expect(await query(urls['SOURCE_URL']!, 'SELECT count(*)::int FROM kept')).toEqual([0]);
    expect(await servers(folder.path, ['down', '--delete'])).toMatchObject({ code: 0, stderr: 'stopped, data deleted\n' });
    expect(existsSync(path.join(folder.path, 'servers'))).toBe(false);
  });

  it('brings back what a crash took, of one server or of the process that holds them', async () => {
    await using folder = servingFolder();
    const [first, second] = await Promise.all([servers(folder.path, up), servers(folder.path, up)]);
    expect(first).toMatchObject({ code: 0, stdout: second.stdout });
    const urls = await evaluated(first.stdout);

    const redis = JSON.parse(readFileSync(path.join(folder.path, 'servers', 'redis', 'process.json'), 'utf8')) as ProcessIdentity;
    process.kill(redis.pid, 'SIGKILL');
    await until(() => !isAlive(redis), 'Redis is gone');
    expect(await servers(folder.path, ['status'])).toMatchObject({ code: 1, stdout: expect.stringMatching(/redis +down.*\nsource +up/) as string });
    expect(await servers(folder.path, up)).toMatchObject({ code: 0, stdout: first.stdout });

    const postmaster = Number((await query(urls['SOURCE_URL']!, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"))[0]);
    const left = identify(postmaster)!;
    process.kill(supervisorOf(folder.path).pid, 'SIGKILL');
    await until(() => !isAlive(supervisorOf(folder.path)), 'the supervisor is gone');
    expect((await servers(folder.path, ['status'])).code).toBe(1);
    expect(isAlive(left)).toBe(true);
    expect((await servers(folder.path, ['down'])).code).toBe(0);
    expect(isAlive(left)).toBe(false);
    expect(await servers(folder.path, up)).toMatchObject({ code: 0, stdout: first.stdout });
  });

  it('uses the Redis that is named in REDIS_URL, and says so when nothing answers there', async () => {
    await using folder = servingFolder();
    await using theirs = await startRedisServer({ password: 'theirs' });
    const env = { REDIS_URL: theirs.url };
    const first = await servers(folder.path, up, env);
    expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(/redis +up .*given by REDIS_URL/) as string });
    expect((await evaluated(first.stdout))['REDIS_URL']).toBe(theirs.url);
    expect(existsSync(path.join(folder.path, 'servers', 'redis'))).toBe(false);
    await servers(folder.path, ['down']);
    expect(await redisCommand(theirs.url, ['PING'])).toBe('PONG');
    await theirs.kill();
    const refused = await servers(folder.path, up, env);
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('REDIS_URL is set, but nothing answers there') as string });
    expect(refused.stderr).not.toContain('theirs');
  });

  it.each([[[]], [['sideways']], [['up', 'down']], [['up', '--delete']], [['down', '--without', 'kafka']], [['status', '--loud']]])('refuses the arguments %j with the usage', async (args) => {
    using folder = scratchFolder();
    expect(await servers(folder.path, args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('usage: npm run servers') as string });
  });
});
