import { controlBusContract, type ControlMessage } from '@elstream/control';
import { silentLogger, type Logger } from '@elstream/core';
import { createInProcessBus } from './index';

controlBusContract('the in-process bus', async () => {
  const bus = createInProcessBus(silentLogger);
  return { here: bus, there: bus };
});

const changed = (pipeline: string): ControlMessage => ({ type: 'pipeline-changed', pipeline });

describe('the in-process control bus', () => {
  it('tells every listener every message in the order published, after the publisher’s own step', async () => {
    const bus = createInProcessBus(silentLogger);
    const heard: string[][] = [[], []];
    for (const own of heard) bus.subscribe((m) => own.push(m.pipeline));
    const all = [bus.publish(changed('a')), bus.publish(changed('b'))];
    expect(heard).toEqual([[], []]);
    await Promise.all(all);
    expect(heard).toEqual([['a', 'b'], ['a', 'b']]);
  });

  it('logs what a listener throws', async () => {
    const errors: unknown[] = [];
    const logger: Logger = { ...silentLogger, error: (fields) => errors.push(fields['error']) };
    const bus = createInProcessBus(logger);
    const heard: string[] = [];
    bus.subscribe(() => {
      throw new Error('broken listener');
    });
    bus.subscribe((m) => heard.push(m.pipeline));
    await bus.publish(changed('a'));
    await bus.publish(changed('b'));
    expect(heard).toEqual(['a', 'b']);
    expect(errors).toEqual(['broken listener', 'broken listener']);
  });

  it('tells what was published before close, and is silent afterwards', async () => {
    const bus = createInProcessBus(silentLogger);
    const heard: string[] = [];
    bus.subscribe((m) => heard.push(m.pipeline));
    void bus.publish(changed('before'));
    await bus.close();
    await bus.publish(changed('after'));
    bus.subscribe((m) => heard.push(`late ${m.pipeline}`))();
    await bus.publish(changed('after'));
    await bus.close();
    expect(heard).toEqual(['before']);
  });
});
