import { ElstreamError } from '@elstream/core';

/** A thing made when first asked for and kept; a failed making is forgotten, so that the next call tries again. */
export class Lazy<T> {
  private made: Promise<T> | null = null;
  private disposed = false;

  constructor(private readonly make: () => Promise<T>) {}

  /** @throws ElstreamError `PIPELINE_CHANGED` (retry) once disposed: nobody would close what were made now */
  get(): Promise<T> {
    if (this.disposed) return Promise.reject(new ElstreamError('PIPELINE_CHANGED', 'retry', 'the pipeline was configured anew or removed meanwhile; try again'));
    if (this.made === null) {
      const making = this.make();
      this.made = making;
      making.catch(() => {
        if (this.made === making) this.made = null;
      });
    }
    return this.made;
  }

  /** Gives the thing to `close` if there is one. */
  async dispose(close: (thing: T) => Promise<void>): Promise<void> {
    this.disposed = true;
    const made = this.made;
    this.made = null;
    const thing = await made?.catch(() => null);
    if (thing !== null && thing !== undefined) await close(thing);
  }
}
