import type { ControlBus, ControlMessage } from '../control-bus';

/** Two ends of one bus that shares nothing with any other; the same object where there is only one process. */
export interface BusEnds {
  readonly here: ControlBus;
  readonly there: ControlBus;
}

const changed = (pipeline: string): ControlMessage => ({ type: 'pipeline-changed', pipeline });

/** Listens at one end; `heard` gives the pipelines of the messages so far. */
function listen(bus: ControlBus): { readonly heard: string[]; readonly end: () => void } {
  const heard: string[] = [];
  return { heard, end: bus.subscribe((m) => heard.push(m.pipeline)) };
}

/** Polls until `condition` holds; fails after 20 s, naming what was waited for. */
async function until(what: string, condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !condition(); ) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/**
 * What every `ControlBus` adapter must do while its server is there, as a jest suite for the adapter's spec to call. It
 * speaks to jest through its globals only, so that importing this package outside a test loads no test code but this.
 *
 * @param makeBus per call the connected ends of a new bus; the suite closes them
 */
export function controlBusContract(name: string, makeBus: () => Promise<BusEnds>): void {
  describe(`${name} as a control bus`, () => {
    let ends: BusEnds;
    beforeEach(async () => {
      ends = await makeBus();
    });
    afterEach(async () => {
      await Promise.all([ends.here.close(), ends.there.close()]);
    });

    it('tells every listener, the publisher’s own too, every message once and in the order published', async () => {
      const listeners = [listen(ends.here), listen(ends.here), listen(ends.there)];
      const names = Array.from({ length: 20 }, (_, i) => `p${String(i)}`);
      for (const pipeline of names) await ends.here.publish(changed(pipeline));
      await ends.here.publish(changed('last'));
      await until('everybody heard the last', () => listeners.every((l) => l.heard.includes('last')));
      expect(listeners.map((l) => l.heard)).toEqual(listeners.map(() => [...names, 'last']));
    });

    it('brings each kind of message whole', async () => {
      const heard: ControlMessage[] = [];
      ends.there.subscribe((m) => heard.push(m));
      const all: readonly ControlMessage[] = [changed('ä:*\n"\u{1F600}'), { type: 'run-changed', pipeline: 'p', runId: 'r' }, { type: 'tables-changed', pipeline: 'p' }];
      for (const message of all) await ends.here.publish(message);
      await until('all heard', () => heard.length === 3);
      expect(heard).toEqual(all);
    });

    it('tells nobody inside the publisher’s own step', async () => {
      const { heard } = listen(ends.here);
      const published = ends.here.publish(changed('a'));
      expect(heard).toEqual([]);
      await published;
      await until('heard', () => heard.length === 1);
    });

    it('ends one subscription only, also of a function subscribed twice and while a message is told', async () => {
      const heard: string[] = [];
      const listener = (m: ControlMessage): number => heard.push(m.pipeline);
      const end = ends.here.subscribe(listener);
      ends.here.subscribe(listener);
      const once = ends.here.subscribe(() => once());
      await ends.there.publish(changed('a'));
      await until('both heard', () => heard.length === 2);
      end();
      end();
      const other = listen(ends.here);
      await ends.there.publish(changed('b'));
      await until('the other heard', () => other.heard.length === 1);
      expect(heard).toEqual(['a', 'a', 'b']);
    });

    it('keeps a listener that throws, and tells the others', async () => {
      let thrown = 0;
      ends.here.subscribe(() => {
        thrown += 1;
        throw new Error('broken listener');
      });
      const { heard } = listen(ends.here);
      await ends.there.publish(changed('a'));
      await ends.there.publish(changed('b'));
      await until('both heard', () => heard.length === 2);
      expect(thrown).toBe(2);
    });

    it('is silent once closed, and takes what is published or subscribed late without complaint', async () => {
      const { heard } = listen(ends.here);
      await ends.here.close();
      await ends.here.publish(changed('late'));
      ends.here.subscribe((m) => heard.push(m.pipeline))();
      ends.here.subscribe((m) => heard.push(m.pipeline));
      await ends.there.publish(changed('after'));
      await ends.here.close();
      expect(heard).toEqual([]);
    });
  });
}
