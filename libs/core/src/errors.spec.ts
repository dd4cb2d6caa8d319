import { describeError, ElstreamError, recoveryOf } from './errors';

describe('an error', () => {
  const cause = new Error('connection reset');

  it.each<[string, unknown, string]>([
    ['one of ours keeps its recovery', new ElstreamError('X', 'retry', 'm'), 'retry'],
    ['one nobody classified is permanent, so that it is seen', cause, 'stop'],
    ['a thrown text is permanent', 'boom', 'stop'],
  ])('%s', (_what, error, recovery) => {
    expect(recoveryOf(error)).toBe(recovery);
  });

  it.each<[string, unknown, string]>([
    ['message alone', new ElstreamError('X', 'stop', 'cannot apply'), 'cannot apply'],
    ['place', new ElstreamError('X', 'stop', 'cannot apply', { place: { table: 'a.b', key: 'id=1' } }), 'cannot apply (table a.b, key id=1)'],
    ['cause', new ElstreamError('X', 'retry', 'cannot apply', { cause }), 'cannot apply: connection reset'],
    ['cause said already', new ElstreamError('X', 'retry', 'lost: connection reset', { cause }), 'lost: connection reset'],
    ['anything thrown', 'boom', 'boom'],
  ])('says in one line: %s', (_what, error, line) => {
    expect(describeError(error)).toBe(line);
  });
});
