import { ElstreamError } from '@elstream/core';
import { type KafkaClient } from './client';

/**
 * A client that is opened when first needed: what R14 wants of the source must not wait for brokers that are away, or that do
 * not take our settings. Where it could not be opened the next to ask tries again.
 */
export class OpenedOnce {
  private opening: Promise<KafkaClient> | null = null;
  private closed = false;

  constructor(private readonly open: () => Promise<KafkaClient>) {}

  get(): Promise<KafkaClient> {
    if (this.closed) return Promise.reject(new ElstreamError('KAFKA', 'retry', 'the stream was closed'));
    this.opening ??= this.open().catch((error: unknown) => {
      this.opening = null;
      throw error;
    });
    return this.opening;
  }

  async close(): Promise<void> {
    this.closed = true;
    const client = await this.opening?.catch(() => null);
    await client?.close();
  }
}
