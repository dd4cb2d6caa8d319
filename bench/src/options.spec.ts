import { parseOptions } from './options';

describe('options', () => {
  it('measure everything but memory by default', () => {
    expect(parseOptions([])).toMatchObject({ parts: ['preload', 'stream', 'latency', 'validation'], rows: 1_000_000, changes: 200_000, transactionRows: [1, 10, 1000], peers: true });
  });

  it('go through Kafka with fewer changes, unless they are named', () => {
    expect(parseOptions(['stream', '--kafka'])).toMatchObject({ parts: ['stream'], kafka: true, changes: 100_000 });
    expect(parseOptions(['stream', '--kafka', '--changes', '500'])).toMatchObject({ kafka: true, changes: 500 });
    expect(parseOptions(['stream'])).toMatchObject({ kafka: false });
  });

  it('name parts and sizes', () => {
    expect(parseOptions(['memory', '--memory-rows', '10_000', '--no-peers'])).toMatchObject({ parts: ['memory'], memoryRows: 10_000, peers: false });
  });

  it.each([[['speed'], 'there is no part speed'], [['--rows', 'many'], '--rows must be a whole number above 0, not many'], [['--rows=0'], 'above 0'], [['--transaction-rows=1,x'], 'not x']])('%j is refused', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});
