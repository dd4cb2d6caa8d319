/**
 * Pseudo-random numbers from a printable seed (mulberry32 over a hash of the seed): the same seed gives the same test
 * again, on every machine.
 */
export class SeededRandom {
  #state: number;

  constructor(readonly seed: string) {
    let hash = 2_166_136_261;
    for (const char of seed) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16_777_619);
    this.#state = hash >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** An integer from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.int(0, items.length - 1)];
    if (item === undefined && items.length === 0) throw new Error('nothing to pick from');
    return item as T;
  }

  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i -= 1) {
      const j = this.int(0, i);
      [out[i], out[j]] = [out[j] as T, out[i] as T];
    }
    return out;
  }

  /** An independent generator, so that drawing more in one place does not shift another. */
  fork(name: string): SeededRandom {
    return new SeededRandom(`${this.seed}/${name}`);
  }
}

/**
 * Runs `body` once per seed. `ELSTREAM_TEST_SEED` runs that seed alone; a failure names the seed to give.
 * Seeds are `<base>-1` … `<base>-<count>`: the same in every run, so a red build stays red.
 */
export async function forEachSeed(base: string, count: number, body: (random: SeededRandom) => Promise<void> | void): Promise<void> {
  const given = process.env['ELSTREAM_TEST_SEED'];
  const seeds = given ? [given] : Array.from({ length: count }, (_, i) => `${base}-${String(i + 1)}`);
  for (const seed of seeds) {
    try {
      await body(new SeededRandom(seed));
    } catch (error) {
      throw new Error(`seed ${seed} (run it alone with ELSTREAM_TEST_SEED=${seed}): ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}
