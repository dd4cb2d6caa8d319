import { describeError, type Logger } from '@elstream/core';
import type { RedisSettings } from '@elstream/config';
import { readControlMessage, type ControlBus, type ControlMessage } from '@elstream/control';
import { redisError, throttle, withRedis, type Throttle } from '@elstream/redis';
import { lastValueFrom } from 'rxjs';
import { BusClient, BusServer } from './nest-transport';

export interface RedisBusOptions {
  readonly redis: RedisSettings;
  readonly logger: Logger;
}

type Listener = (message: ControlMessage) => void;

const PUBLISH_MS = 1_000;
const SAY_AGAIN_MS = 30_000;

/**
 * The control bus of several processes: one Redis channel, `<prefix>.control`, in the packets of
 * `@nestjs/microservices`. Listeners of this process hear its own messages from Redis too, so all processes hear one
 * order. Returns at once; until the channel is subscribed, and while Redis is away, messages are missed.
 *
 * @throws ElstreamError `REDIS_SETTINGS` (refuse)
 */
export function createRedisBus(options: RedisBusOptions): ControlBus {
  return new RedisBus(options);
}

class RedisBus implements ControlBus {
  /** Wrapped, so that a function subscribed twice is heard twice and unsubscribed once. */
  private readonly listeners = new Set<{ readonly hear: Listener }>();
  private readonly logger: Logger;
  private readonly channel: string;
  private readonly client: BusClient;
  private readonly server: BusServer;
  private readonly sayable: Throttle = throttle(SAY_AGAIN_MS);
  private readonly listening: Promise<void>;
  private closed: Promise<void> | null = null;

  constructor({ redis, logger }: RedisBusOptions) {
    this.logger = logger;
    this.channel = `${redis.prefix}.control`;
    this.client = new BusClient(redis, logger);
    this.server = new BusServer(redis, logger);
    this.server.addHandler(this.channel, async (data: unknown) => this.deliver(data), true);
    this.listening = this.server.listen((error) => {
      if (error !== undefined) logger.error({ error: describeError(error) }, 'the control bus cannot listen; changes are heard of at the next look only');
    });
  }

  async publish(message: ControlMessage): Promise<void> {
    if (this.closed !== null) return;
    try {
      await withRedis(this.client.redis, () => lastValueFrom(this.client.emit<unknown>(this.channel, message), { defaultValue: undefined }), PUBLISH_MS);
    } catch (error) {
      const times = this.sayable('publish');
      if (times > 0) this.logger.warn({ type: message.type, pipeline: message.pipeline, times, error: describeError(redisError(error)) }, 'other processes were not told of a change; they see it at their next look');
    }
  }

  subscribe(listener: Listener): () => void {
    if (this.closed !== null) return () => undefined;
    const entry = { hear: listener };
    this.listeners.add(entry);
    return () => {
      this.listeners.delete(entry);
    };
  }

  close(): Promise<void> {
    this.closed ??= this.shut();
    return this.closed;
  }

  private async shut(): Promise<void> {
    this.listeners.clear();
    await this.listening;
    await Promise.all([this.server.close(), this.client.close()]);
  }

  private deliver(data: unknown): void {
    const message = readControlMessage(data);
    if (message === null) {
      const times = this.sayable('foreign');
      if (times > 0) this.logger.warn({ channel: this.channel, times }, 'a message on the control bus is none of ours and was ignored: give this installation a REDIS_PREFIX of its own');
      return;
    }
    for (const { hear } of [...this.listeners]) {
      try {
        hear(message);
      } catch (error) {
        this.logger.error({ type: message.type, pipeline: message.pipeline, error: describeError(error) }, 'a listener of the control bus failed');
      }
    }
  }
}
