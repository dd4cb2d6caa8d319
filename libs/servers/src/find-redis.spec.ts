import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { findRedisServer } from './find-redis';
import { program, scratchFolder } from './servers.fixture';

const says = (version: string): string => `echo "Redis server v=${version} sha=00000000:0 malloc=libc bits=64"`;

/** Where a fetched Redis lies in `cacheDir`. */
function fetched(cacheDir: string, script: string): string {
  const folder = path.join(cacheDir, `redis-${process.platform}-${process.arch}`);
  mkdirSync(folder, { recursive: true });
  return program(folder, 'redis-server', script);
}

describe('findRedisServer', () => {
  it('takes the one on the search path before a fetched one', async () => {
    using folder = scratchFolder();
    const expected = program(folder.path, 'redis-server', says('7.2.4'));
    fetched(folder.path, says('7.0.15'));
    expect(await findRedisServer({ searchPath: folder.path, cacheDir: folder.path, fetch: false })).toBe(expected);
  });

  it.each([
    ['is too old', says('6.0.16')],
    ['does not run', 'echo "cannot open shared object file" >&2; exit 127'],
    ['is something else', 'echo hello'],
  ])('passes over one that %s', async (_, script) => {
    using folder = scratchFolder();
    program(folder.path, 'redis-server', script);
    const expected = fetched(folder.path, says('6.2.0'));
    expect(await findRedisServer({ searchPath: folder.path, cacheDir: folder.path, fetch: false })).toBe(expected);
  });

  it('says what it tried and what to do when there is none', async () => {
    using folder = scratchFolder();
    program(folder.path, 'redis-server', says('5.0.14'));
    const search = findRedisServer({ searchPath: folder.path, cacheDir: path.join(folder.path, 'cache'), fetch: false });
    await expect(search).rejects.toMatchObject({ code: 'SERVERS', message: expect.stringMatching(/6\.2 or newer.*version 5\.0 is too old.*PATH.*package redis-server.*REDIS_URL/) as string });
  });

  it('names what went wrong when it cannot be fetched', async () => {
    using folder = scratchFolder();
    program(folder.path, 'apt-get', 'echo "E: Unable to locate package" >&2; exit 100');
    const path = process.env['PATH'];
    process.env['PATH'] = `${folder.path}:${path ?? ''}`;
    try {
      await expect(findRedisServer({ searchPath: '', cacheDir: folder.path })).rejects.toThrow(/Unable to locate package.*REDIS_URL/s);
    } finally {
      process.env['PATH'] = path;
    }
    rmSync(folder.path, { recursive: true, force: true });
  });
});
