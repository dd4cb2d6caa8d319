/** Memory of a queued frame beyond its bytes, about. */
const FRAME_BYTES = 150;

/**
 * Frames received and not yet taken. Above `maxBytes` it asks for a pause, below half of that for more: memory is
 * bounded whatever the size of a transaction or the pace of the consumer (R11). One socket read may overshoot.
 */
export class FrameQueue {
  private frames: (Buffer | undefined)[] = [];
  private head = 0;
  private bytes = 0;
  private paused = false;
  private waker: (() => void) | null = null;
  /** The most that was ever held, bytes. */
  peakBytes = 0;

  constructor(
    private readonly maxBytes: number,
    private readonly onPause: (paused: boolean) => void,
  ) {}

  get isEmpty(): boolean {
    return this.head >= this.frames.length;
  }

  get isPaused(): boolean {
    return this.paused;
  }

  push(frame: Buffer): void {
    this.frames.push(frame);
    this.bytes += frame.length + FRAME_BYTES;
    if (this.bytes > this.peakBytes) this.peakBytes = this.bytes;
    if (!this.paused && this.bytes > this.maxBytes) this.pause(true);
    this.wake();
  }

  take(): Buffer | undefined {
    const frame = this.frames[this.head];
    if (frame === undefined) return undefined;
    this.frames[this.head] = undefined;
    this.head += 1;
    this.bytes -= frame.length + FRAME_BYTES;
    if (this.head === this.frames.length || this.head > 10_000) {
      this.frames = this.frames.slice(this.head);
      this.head = 0;
    }
    if (this.paused && this.bytes < this.maxBytes / 2) this.pause(false);
    return frame;
  }

  /** Resolves when there is something to take, at `wake`, or after `ms` (null: no limit). One waiter at a time. */
  wait(ms: number | null): Promise<void> {
    if (!this.isEmpty) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = ms === null ? null : setTimeout(() => this.wake(), ms);
      this.waker = () => {
        if (timer !== null) clearTimeout(timer);
        resolve();
      };
    });
  }

  wake(): void {
    const { waker } = this;
    this.waker = null;
    waker?.();
  }

  clear(): void {
    this.frames = [];
    this.head = 0;
    this.bytes = 0;
    this.wake();
  }

  private pause(paused: boolean): void {
    this.paused = paused;
    this.onPause(paused);
  }
}
