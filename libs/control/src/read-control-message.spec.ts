import { readControlMessage } from './read-control-message';

describe('reading a control message', () => {
  it.each([
    { type: 'pipeline-changed', pipeline: 'p' },
    { type: 'tables-changed', pipeline: 'p' },
    { type: 'run-changed', pipeline: 'p', runId: 'r' },
  ])('takes $type', (message) => {
    expect(readControlMessage(message)).toEqual(message);
  });

  it('leaves fields out that do not belong to it', () => {
    expect(readControlMessage({ type: 'tables-changed', pipeline: 'p', runId: 'r', __proto__: { x: 1 } })).toEqual({ type: 'tables-changed', pipeline: 'p' });
  });

  it.each([null, undefined, 5, 'run-changed', [], {}, { type: 'run-changed', pipeline: 'p' }, { type: 'run-changed', runId: 'r' }, { type: 'x', pipeline: 'p' }, { type: 'pipeline-changed', pipeline: 7 }])(
    'finds none in %j',
    (data) => {
      expect(readControlMessage(data)).toBeNull();
    },
  );
});
