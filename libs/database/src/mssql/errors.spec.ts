import { ConnectionError, RequestError } from 'mssql';
import { ElstreamError } from '@elstream/core';
import { classifyMssqlError, isMssqlError } from './errors';

/** As the driver makes it of a message of the server. */
function serverError(number: number, message: string): RequestError {
  const error = new RequestError(message, 'EREQUEST');
  return Object.assign(error, { number, originalError: Object.assign(new Error(message), { info: { number } }) });
}

describe('classifyMssqlError', () => {
  it.each([
    [1205, 'DB_DEADLOCK', 'retry'],
    [1222, 'DB_LOCK_TIMEOUT', 'retry'],
    [3960, 'DB_SERIALIZATION', 'retry'],
    [9002, 'DB_DISK_FULL', 'retry'],
    [3906, 'DB_READ_ONLY', 'retry'],
    [229, 'DB_PRIVILEGE', 'stop'],
    [18456, 'DB_PASSWORD', 'stop'],
    [3952, 'DB_SNAPSHOT', 'stop'],
    [3957, 'DB_SERIALIZATION', 'retry'],
    [3966, 'DB_DISK_FULL', 'retry'],
    [4060, 'DB_DATABASE', 'retry'],
    [983, 'DB_SECONDARY', 'retry'],
    [102, 'DB_102', 'stop'],
  ])('error %i is %s (%s) and says what the server said', (number, code, recovery) => {
    const found = classifyMssqlError(serverError(number, 'said by the server'));
    expect(found).toMatchObject({ code, recovery, message: expect.stringContaining('said by the server') as unknown });
  });

  it.each([2628, 8152, 8115, 245, 241, 2627, 515, 8169])('error %i is about a value: it parks, and quotes none', (number) => {
    const found = classifyMssqlError(serverError(number, "the value 'SeCreT' in column 'x'"));
    expect(found).toMatchObject({ code: `DB_${String(number)}`, recovery: 'park' });
    expect(found.cause).toBeUndefined();
    expect(found.message).not.toContain('SeCreT');
  });

  it('the first error of a statement counts, not the one that follows from it', () => {
    const last = Object.assign(serverError(3621, 'The statement has been terminated.'), { precedingErrors: [serverError(2628, 'x'), serverError(3621, 'y')] });
    expect(classifyMssqlError(last)).toMatchObject({ code: 'DB_2628', recovery: 'park' });
  });

  it('finds the number below TypeORM’s own error', () => {
    const wrapped = Object.assign(new Error('query failed'), { driverError: serverError(1205, 'deadlock victim') });
    expect(classifyMssqlError(wrapped)).toMatchObject({ code: 'DB_DEADLOCK', recovery: 'retry' });
  });

  it('a temporary table that is gone means a connection that is gone', () => {
    expect(classifyMssqlError(serverError(208, "Invalid object name '#stage'."))).toMatchObject({ code: 'DB_CONNECTION', recovery: 'retry' });
    expect(classifyMssqlError(serverError(208, "Invalid object name 'dbo.gone'."))).toMatchObject({ code: 'DB_208', recovery: 'stop' });
  });

  it.each([
    ['ESOCKET', 'DB_CONNECTION', 'retry'],
    ['ECONNCLOSED', 'DB_CONNECTION', 'retry'],
    ['ETIMEOUT', 'DB_TIMEOUT', 'retry'],
    ['ECANCEL', 'DB_CANCELLED', 'retry'],
    ['ELOGIN', 'DB_PASSWORD', 'stop'],
  ])('the driver’s %s is %s (%s)', (code, ours, recovery) => {
    expect(classifyMssqlError(Object.assign(new ConnectionError('m'), { code }))).toMatchObject({ code: ours, recovery });
  });

  it.each(['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'])('a certificate that is not accepted (%s) does not pass by itself: it stops, and says what to do', (code) => {
    // as Node, tedious and node-mssql wrap it
    const ofTls = Object.assign(new Error('self-signed certificate'), { code });
    const ofTedious = Object.assign(new Error('Failed to connect to h:1433 - self-signed certificate', { cause: ofTls }), { code: 'ESOCKET' });
    const found = classifyMssqlError(new ConnectionError(ofTedious as never, 'ESOCKET'));
    expect(found).toMatchObject({ code: 'DB_CERTIFICATE', recovery: 'stop', message: expect.stringContaining('trustServerCertificate=true') as unknown });
  });

  it('a pool that gives no connection in time is tried again', () => {
    const error = Object.assign(new Error('operation timed out for an unknown reason'), { name: 'TimeoutError' });
    expect(classifyMssqlError(error)).toMatchObject({ code: 'DB_TIMEOUT', recovery: 'retry' });
  });

  it('what is ours passes as it is; what is unknown stops', () => {
    const ours = new ElstreamError('X', 'lost', 'm');
    expect(classifyMssqlError(ours)).toBe(ours);
    expect(isMssqlError(ours)).toBe(false);
    expect(isMssqlError(serverError(1205, 'x'))).toBe(true);
    expect(isMssqlError(new TypeError('x'))).toBe(false);
    expect(classifyMssqlError(new TypeError('x'))).toMatchObject({ code: 'DB_UNKNOWN', recovery: 'stop' });
  });
});
