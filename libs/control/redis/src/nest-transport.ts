import { describeError, type Logger } from '@elstream/core';
import type { RedisSettings } from '@elstream/config';
import { closeRedis, openRedis, throttle } from '@elstream/redis';
import { ClientRedis, ServerRedis } from '@nestjs/microservices';
import type { Redis } from 'ioredis';

const SAY_AGAIN_MS = 30_000;

/**
 * Nest's Redis transport, its two ends. They keep Nest's packets and its dispatch by pattern; the connections are ours
 * (`openRedis`), because Nest's own give up after a number of tries, never subscribe when the first try fails, quit with
 * an unhandled rejection when Redis is away, and speak through a logger of their own.
 */
export class BusServer extends ServerRedis {
  private readonly sayable = throttle(SAY_AGAIN_MS);

  constructor(
    private readonly settings: RedisSettings,
    private readonly log: Logger,
  ) {
    super({});
  }

  /** Lazy: of the two that `listen` makes, only the subscriber is ever used (`getPublisher`). */
  override async createRedisClient(): Promise<Redis> {
    return openRedis(this.settings, { logger: this.log, name: 'bus subscriber', use: 'wait', lazy: true });
  }

  override registerErrorListener(): void {}
  override registerReconnectListener(): void {}
  override registerReadyListener(): void {}
  override registerEndListener(): void {}

  /** Subscribes before it is connected: the command waits, and ioredis subscribes again after each reconnect. */
  override start(callback?: () => void): void {
    this.bindEvents(this.subscriber(), this.pubClient);
    callback?.();
  }

  override bindEvents(subscriber: Redis, publisher: unknown): void {
    // Three arguments only with `wildcards`, which we do not use.
    const hear = this.getMessageHandler(publisher) as (channel: string, message: string) => Promise<unknown>;
    subscriber.on('message', (channel: string, message: string) => void hear.call(this, channel, message));
    for (const channel of this.getHandlers().keys()) {
      subscriber.subscribe(channel).catch((error: unknown) => {
        if (!this.isManuallyClosed) this.log.error({ error: describeError(error) }, 'the control bus cannot subscribe; changes are heard of at the next look only');
      });
    }
  }

  /** The bus is for events: a request that another program sends on the channel gets no answer. */
  override getPublisher(): (response: unknown) => void {
    return () => undefined;
  }

  override async close(): Promise<void> {
    this.isManuallyClosed = true;
    if (this.subClient !== undefined) await closeRedis(this.subscriber());
  }

  protected override handleError(error: unknown): void {
    if (this.sayable('message') > 0) this.log.warn({ error: describeError(error) }, 'a message on the control bus could not be read');
  }

  private subscriber(): Redis {
    return this.subClient as Redis;
  }
}

export class BusClient extends ClientRedis {
  readonly redis: Redis;

  constructor(settings: RedisSettings, logger: Logger) {
    super({});
    this.redis = openRedis(settings, { logger, name: 'bus publisher' });
    this.pubClient = this.redis;
  }

  /** Connected from the start and for ever; a subscriber for answers is not needed, events have none. */
  override async connect(): Promise<void> {}

  override async close(): Promise<void> {
    await closeRedis(this.redis);
  }
}
