import { StallWatch, type StallLook } from './stall-watch';

/** [delivered, raised, seconds] → seconds that the watch tells. */
const stalledFor = (...looks: readonly (readonly [string, bigint, number])[]): number[] => {
  const watch = new StallWatch();
  return looks.map(([delivered, raised, seconds]) => watch.look({ delivered, raised, at: seconds * 1_000 } satisfies StallLook) / 1_000);
};

describe('StallWatch', () => {
  it.each<[string, readonly (readonly [string, bigint, number])[], number[]]>([
    ['an offset that moves with every raise is well', [['a', 1n, 0], ['b', 2n, 60], ['c', 3n, 120]], [0, 0, 0]],
    ['an idle source whose row nobody raises is well', [['a', 1n, 0], ['a', 1n, 600]], [0, 0]],
    ['time counts from the first look that saw it raised', [['a', 1n, 0], ['a', 2n, 30], ['a', 9n, 95]], [0, 0, 65]],
    ['a raise that was delivered late is forgotten', [['a', 1n, 0], ['a', 2n, 10], ['b', 2n, 70], ['b', 2n, 500]], [0, 0, 0, 0]],
    ['it begins anew after that', [['a', 1n, 0], ['a', 2n, 10], ['b', 2n, 70], ['b', 3n, 80], ['b', 4n, 90]], [0, 0, 0, 0, 10]],
  ])('%s', (_name, looks, expected) => {
    expect(stalledFor(...looks)).toEqual(expected);
  });
});
