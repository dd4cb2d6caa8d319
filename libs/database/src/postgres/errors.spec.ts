import { describeError, ElstreamError } from '@elstream/core';
import { classifyPostgresError, isDatabaseError } from './errors';

const server = (code: string, message = 'server text', more: object = {}): Error => Object.assign(new Error(message), { code, ...more });

describe('classifying errors of PostgreSQL', () => {
  it.each([
    ['28P01', 'DB_PASSWORD', 'stop'],
    ['42501', 'DB_PRIVILEGE', 'stop'],
    ['53100', 'DB_DISK_FULL', 'retry'],
    ['40P01', 'DB_DEADLOCK', 'retry'],
    ['57P01', 'DB_SHUTDOWN', 'retry'],
    ['08006', 'DB_CONNECTION', 'retry'],
    ['25P03', 'DB_IDLE_TIMEOUT', 'retry'],
    ['ECONNREFUSED', 'DB_CONNECTION', 'retry'],
    ['42P01', 'DB_42P01', 'stop'],
    ['22003', 'DB_22003', 'park'],
    ['23514', 'DB_23514', 'park'],
    ['54000', 'DB_VALUE_TOO_LARGE', 'park'],
    ['54011', 'DB_54011', 'stop'],
  ])('%s is %s: %s', (sqlstate, code, recovery) => {
    expect(classifyPostgresError(server(sqlstate))).toMatchObject({ code, recovery });
  });

  it('finds the code under TypeORM’s wrapping and in an aggregate of addresses tried', () => {
    const wrapped = Object.assign(new Error('QueryFailedError'), { driverError: server('40001') });
    expect(classifyPostgresError(wrapped)).toMatchObject({ code: 'DB_SERIALIZATION', recovery: 'retry' });
    expect(classifyPostgresError(new AggregateError([server('ECONNREFUSED')]))).toMatchObject({ code: 'DB_CONNECTION' });
  });

  it('leaves an error that is ours as it is', () => {
    const ours = new ElstreamError('X', 'refuse', 'x');
    expect(classifyPostgresError(ours)).toBe(ours);
  });

  it.each(['22P02', '22003', '23505', '22999'])('never passes on the value that %s is about', (sqlstate) => {
    const about = { detail: 'Key (a)=(4711-secret)', column: 'amount', table: 'orders' };
    const error = classifyPostgresError(server(sqlstate, 'invalid input syntax for type integer: "4711-secret"', about));
    expect(describeError(error)).not.toContain('4711');
    expect(JSON.stringify(error)).not.toContain('4711');
    expect(error.message).toContain('orders (column amount)');
  });

  it('takes a broken connection without a code for what it is', () => {
    expect(isDatabaseError(new Error('Connection terminated unexpectedly'))).toBe(true);
    expect(classifyPostgresError(new Error('Connection terminated unexpectedly'))).toMatchObject({ recovery: 'retry' });
    expect(classifyPostgresError(new Error('something else'))).toMatchObject({ code: 'DB_UNKNOWN', recovery: 'stop' });
  });
});
