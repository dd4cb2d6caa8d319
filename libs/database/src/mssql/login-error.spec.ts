import { EventEmitter } from 'node:events';
import { ConnectionError } from 'mssql';
import { classifyMssqlError } from './errors';
import { keepLoginNumber } from './login-error';

/** What the driver emits while it signs in, and what its pool makes of the error. */
function refused(messages: readonly (number | 'retry')[]): unknown {
  const connection = new EventEmitter();
  keepLoginNumber(connection);
  for (const number of messages) {
    if (number === 'retry') connection.emit('retry');
    else connection.emit('errorMessage', { number, message: 'Login failed' });
  }
  const error = Object.assign(new Error('Login failed'), { code: 'ELOGIN' });
  connection.emit('connect', error);
  return new ConnectionError(error as never);
}

describe('a refused login', () => {
  it.each([
    ['a wrong password', [18456], 'DB_PASSWORD', 'stop'],
    ['a database that cannot be opened now, or does not exist', [4060, 18456], 'DB_DATABASE', 'retry'],
    ['a replica that has lost its role', [983], 'DB_SECONDARY', 'retry'],
    ['a server that is being upgraded', [18401], 'DB_SHUTDOWN', 'retry'],
    ['another reason after the driver tried again', [4060, 18456, 'retry', 18456], 'DB_PASSWORD', 'stop'],
  ] as const)('because of %s says so', (_, messages, code, recovery) => {
    expect(classifyMssqlError(refused(messages))).toMatchObject({ code, recovery });
  });

  it('without a number is taken for a wrong password', () => {
    expect(classifyMssqlError(refused([]))).toMatchObject({ code: 'DB_PASSWORD', recovery: 'stop' });
  });

  it('leaves the errors of other faults, and of statements after it, alone', () => {
    const connection = new EventEmitter();
    keepLoginNumber(connection);
    connection.emit('errorMessage', { number: 4060 });
    const error = Object.assign(new Error('reset'), { code: 'ESOCKET' });
    connection.emit('connect', error);
    expect(error).not.toHaveProperty('number');
    expect(connection.listenerCount('errorMessage')).toBe(0);
  });
});
