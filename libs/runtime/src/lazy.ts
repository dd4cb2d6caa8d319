/** A thing made when first asked for and kept; a failed making is forgotten, so that the next call tries again. */
export class Lazy<T> {
  private made: Promise<T> | null = null;

  constructor(private readonly make: () => Promise<T>) {}

  get(): Promise<T> {
    if (this.made === null) {
      const making = this.make();
      this.made = making;
      making.catch(() => {
        if (this.made === making) this.made = null;
      });
    }
    return this.made;
  }

  /** Gives the thing to `close` if there is one; a later `get` makes another. */
  async dispose(close: (thing: T) => Promise<void>): Promise<void> {
    const made = this.made;
    this.made = null;
    const thing = await made?.catch(() => null);
    if (thing !== null && thing !== undefined) await close(thing);
  }
}
