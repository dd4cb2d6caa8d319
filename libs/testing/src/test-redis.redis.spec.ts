import { redisCommand } from '@elstream/servers';
import { createTestRedis, startOwnRedis, testRedisUrl } from './test-redis';

describe('createTestRedis', () => {
  it('gives every test keys of its own on one server, and takes only those away', async () => {
    const [first, second] = await Promise.all([createTestRedis(), createTestRedis()]);
    expect(first.url).toBe(second.url);
    expect(first.prefix).not.toBe(second.prefix);
    for (const { url, prefix } of [first, second]) {
      await redisCommand(url, ['SET', `${prefix}:key`, prefix]);
      await redisCommand(url, ['LPUSH', `${prefix}:list`, '1', '2']);
    }
    await first.drop();
    await first.drop();
    expect(await redisCommand(first.url, ['EXISTS', `${first.prefix}:key`, `${first.prefix}:list`])).toBe('0');
    expect(await redisCommand(second.url, ['EXISTS', `${second.prefix}:key`, `${second.prefix}:list`])).toBe('2');
    await second.drop();
  });

  it('is on the server named by ELSTREAM_TEST_REDIS_URL, if set', async () => {
    await using own = await startOwnRedis({ password: 'secret' });
    const saved = process.env['ELSTREAM_TEST_REDIS_URL'];
    process.env['ELSTREAM_TEST_REDIS_URL'] = own.url;
    try {
      expect(await testRedisUrl()).toBe(own.url);
      await using redis = await createTestRedis('mine');
      expect(redis.prefix).toMatch(/^mine_\w+$/);
      expect(await redisCommand(redis.url, ['PING'])).toBe('PONG');
    } finally {
      if (saved === undefined) delete process.env['ELSTREAM_TEST_REDIS_URL'];
      else process.env['ELSTREAM_TEST_REDIS_URL'] = saved;
    }
  });
});
