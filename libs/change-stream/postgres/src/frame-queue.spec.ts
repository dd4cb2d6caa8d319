import { FrameQueue } from './frame-queue';
import { ShutdownWatch } from './shutdown-watch';
import { encodeStandbyStatus, parseWalFrame } from './standby-protocol';
import { at, frame, keepalive } from './messages.fixture';

describe('FrameQueue', () => {
  it('asks for a pause above its bound and for more below half of it, in order and once each', () => {
    const calls: boolean[] = [];
    const queue = new FrameQueue(1_000, (paused) => calls.push(paused));
    const frames = [1, 2, 3, 4].map((n) => Buffer.alloc(200, n));
    frames.forEach((f) => queue.push(f));
    expect(calls).toEqual([true]);
    expect(queue.peakBytes).toBe(1_400);
    expect([queue.take(), queue.take()]).toEqual([frames[0], frames[1]]);
    expect(calls).toEqual([true]);
    expect(queue.take()).toBe(frames[2]);
    expect(calls).toEqual([true, false]);
    expect([queue.take(), queue.take(), queue.isEmpty]).toEqual([frames[3], undefined, true]);
  });

  it('keeps order over more frames than it compacts at', () => {
    const queue = new FrameQueue(1e9, () => undefined);
    for (let i = 0; i < 25_000; i += 1) queue.push(Buffer.from(String(i)));
    for (let i = 0; i < 25_000; i += 1) expect(queue.take()?.toString()).toBe(String(i));
  });

  it('wakes a waiter for a frame and for a wake', async () => {
    const queue = new FrameQueue(1_000, () => undefined);
    const first = queue.wait(null);
    queue.push(Buffer.from('a'));
    await first;
    queue.take();
    const second = queue.wait(null);
    queue.wake();
    await second;
    await queue.wait(1);
  });
});

describe('standby protocol', () => {
  it('reads data and keepalives and refuses the rest', () => {
    expect(parseWalFrame(frame(Buffer.from('x')))).toEqual({ kind: 'data', body: Buffer.from('x') });
    expect(parseWalFrame(keepalive(7n, true))).toEqual({ kind: 'keepalive', end: at(7n), replyRequested: true });
    expect(() => parseWalFrame(Buffer.from('z'))).toThrow(RangeError);
    expect(() => parseWalFrame(Buffer.alloc(0))).toThrow(RangeError);
  });

  it('reports the durable position three times, neither more nor less', () => {
    const status = encodeStandbyStatus(at(0x1_0000_0002n), 946_684_800_001, true);
    expect(status.toString('hex')).toBe(`72${'0000000100000002'.repeat(3)}${'00000000000003e8'}01`);
  });
});

describe('ShutdownWatch', () => {
  it.each<[string, [at: number, lastSent: number][], boolean, boolean]>([
    ['the usual requests after half the timeout', [[30_000, 0], [60_000, 30_000], [90_000, 60_000]], false, false],
    ['requests right after our replies, within the grace', [[100, 0], [200, 100], [300, 200]], true, false],
    ['such requests beyond it', [[100, 0], [200, 100], [1_000, 900], [2_000, 1_900], [2_200, 2_100]], true, true],
    ['stray ones far apart', [[100, 0], [10_000, 9_900], [20_000, 19_900], [30_000, 29_900]], false, false],
  ])('judges %s', (_name, requests, suspected, over) => {
    const watch = new ShutdownWatch(60_000);
    const results = requests.map(([now, sent]) => watch.requested(now, sent));
    expect([watch.suspected, results.at(-1)]).toEqual([suspected, over]);
  });
});
