import type { ControlBus, ControlMessage } from '@elstream/control';
import { describeError, type Logger } from '@elstream/core';

type Listener = (message: ControlMessage) => void;

/**
 * A bus for services in one process. Listeners hear messages in the order published, after the publisher's own step
 * (never inside it, so that a listener cannot find the publisher half done); `publish` resolves once they were called.
 */
export function createInProcessBus(logger: Logger): ControlBus {
  return new InProcessBus(logger);
}

class InProcessBus implements ControlBus {
  /** Wrapped, so that a function subscribed twice is heard twice and unsubscribed once. */
  private readonly listeners = new Set<{ readonly hear: Listener }>();
  private delivered: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(private readonly logger: Logger) {}

  publish(message: ControlMessage): Promise<void> {
    this.delivered = this.delivered.then(() => this.deliver(message));
    return this.delivered;
  }

  subscribe(listener: Listener): () => void {
    if (this.closed) return () => undefined;
    const entry = { hear: listener };
    this.listeners.add(entry);
    return () => {
      this.listeners.delete(entry);
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.delivered;
    this.listeners.clear();
  }

  private deliver(message: ControlMessage): void {
    for (const { hear } of [...this.listeners]) {
      try {
        hear(message);
      } catch (error) {
        this.logger.error({ type: message.type, pipeline: message.pipeline, error: describeError(error) }, 'a listener of the control bus failed');
      }
    }
  }
}
