import { SeededRandom, forEachSeed } from './seeded-random';

describe('SeededRandom', () => {
  const draw = (random: SeededRandom): number[] => Array.from({ length: 5 }, () => random.int(-3, 1_000_000));

  it('gives the same numbers for the same seed and others for another', () => {
    expect(draw(new SeededRandom('a'))).toEqual(draw(new SeededRandom('a')));
    expect(draw(new SeededRandom('a'))).not.toEqual(draw(new SeededRandom('b')));
    expect(draw(new SeededRandom('a').fork('x'))).not.toEqual(draw(new SeededRandom('a').fork('y')));
  });

  it('reaches both ends of a range and nothing beyond', () => {
    const random = new SeededRandom('ends');
    expect(new Set(Array.from({ length: 500 }, () => random.int(1, 3)))).toEqual(new Set([1, 2, 3]));
  });

  it('shuffles without losing anything', () => {
    const items = Array.from({ length: 50 }, (_, i) => i);
    const shuffled = new SeededRandom('s').shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect(shuffled.sort((a, b) => a - b)).toEqual(items);
  });
});

describe('forEachSeed', () => {
  it('names the seed that failed', async () => {
    const failSecond = ({ seed }: SeededRandom): void => {
      if (seed === 'w-2') throw new Error('row lost');
    };
    await expect(forEachSeed('w', 3, failSecond)).rejects.toThrow('seed w-2 (run it alone with ELSTREAM_TEST_SEED=w-2): row lost');
  });
});
