import { ElstreamError } from '@elstream/core';
import { redisError } from './redis-error';
import { throttle } from './throttle';

describe('an error of Redis', () => {
  it.each([
    ['WRONGPASS invalid username-password pair or user is disabled.', 'REDIS_AUTH', 'refuse'],
    ['NOAUTH Authentication required.', 'REDIS_AUTH', 'refuse'],
    ['Ready check failed: NOAUTH Authentication required.', 'REDIS_AUTH', 'refuse'],
    ['NOPERM this user has no permissions to run the command', 'REDIS_AUTH', 'refuse'],
    ["READONLY You can't write against a read only replica.", 'REDIS_READONLY', 'retry'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'REDIS_BUSY', 'retry'],
    ['LOADING Redis is loading the dataset in memory', 'REDIS_BUSY', 'retry'],
    ['MISCONF Redis is configured to save RDB snapshots', 'REDIS_BUSY', 'retry'],
    ['ERR unknown command', 'REDIS_REPLY', 'stop'],
    ['connect ECONNREFUSED 127.0.0.1:6379', 'REDIS_AWAY', 'retry'],
    ['Connection is closed.', 'REDIS_AWAY', 'retry'],
    ['Command timed out', 'REDIS_AWAY', 'retry'],
    ['getaddrinfo ENOTFOUND redis', 'REDIS_AWAY', 'retry'],
    ['All sentinels are unreachable. Retrying from scratch after 10ms.', 'REDIS_AWAY', 'retry'],
    ['self-signed certificate', 'REDIS_AWAY', 'retry'],
  ])('%s is %s', (message, code, recovery) => {
    expect(redisError(new Error(message))).toMatchObject({ code, recovery });
  });

  it('that refuses us names the setting', () => {
    expect(redisError(new Error('WRONGPASS x')).message).toContain('REDIS_URL');
    expect(redisError(new Error('WRONGPASS x')).place).toEqual({ setting: 'REDIS_URL' });
  });

  it('that is ours already stays as it is, and what is no error is taken for one', () => {
    const ours = new ElstreamError('X', 'lost', 'x');
    expect(redisError(ours)).toBe(ours);
    expect(redisError('Error: Connection lost').recovery).toBe('retry');
  });
});

describe('a throttle', () => {
  it('lets one line per key and time through and counts what it held back', () => {
    let now = 0;
    const sayable = throttle(100, () => now);
    expect([sayable('a'), sayable('a'), sayable('b'), sayable('a')]).toEqual([1, 0, 1, 0]);
    now = 99;
    expect(sayable('a')).toBe(0);
    now = 100;
    expect([sayable('a'), sayable('a')]).toEqual([4, 0]);
  });
});
