import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { ElstreamError, type Checkpoint } from '@elstream/core';
import { createStreamer, type ApplyContext, type StreamerOptions, type TakenBatch } from '@elstream/replication';
import { ServiceHost, type Runtime } from '@elstream/runtime';
import { CHANGE_BATCH, ChangeBatchContext } from './change-batch.context';

type Events = Record<string, (...args: unknown[]) => void>;

/**
 * Change streams as a transport of Nest: each batch is dispatched to the handlers of the pattern `change-batch`. A batch
 * is dispatched when the one before is settled, so a slow handler holds the source up (R11); what it returns says what
 * is acknowledged; what it throws reaches the stream as it is, to be retried, to halt it or to give it up by its class.
 */
export class ChangeStreamStrategy extends Server<Events> implements CustomTransportStrategy {
  override readonly transportId = Symbol('elstream change stream');
  /** A handler's failure is ours to deal with: Nest neither logs nor swallows it. */
  override readonly propagatesEventHandlerErrors = true;
  private readonly host: ServiceHost;
  private readonly streamer;
  private closing: Promise<void> | null = null;

  constructor(runtime: Runtime, options: StreamerOptions = {}) {
    super();
    this.streamer = createStreamer(runtime.deps, { ...options, apply: (context, taken) => this.dispatch(context, taken) });
    this.host = new ServiceHost('streamer', [this.streamer], runtime.logger);
  }

  listen(callback: () => void): void {
    this.host.onApplicationBootstrap();
    callback();
  }

  /** Resolves when every batch in hand is settled. Idempotent. */
  close(): Promise<void> {
    return (this.closing ??= this.host.beforeApplicationShutdown());
  }

  /** Called by Nest by its name: streams stop before HTTP does, so that who asks meanwhile is answered. */
  beforeApplicationShutdown(): Promise<void> {
    return this.close();
  }

  on(event: string): void {
    throw new ElstreamError('STREAM_EVENTS', 'refuse', `a change stream tells no event '${event}'; its states are in the control tables`);
  }

  unwrap<T>(): T {
    return this.streamer as T;
  }

  private async dispatch(context: ApplyContext, taken: TakenBatch): Promise<Checkpoint | null> {
    const handler = this.getHandlerByPattern(CHANGE_BATCH);
    if (handler === null) throw new ElstreamError('BATCH_UNHANDLED', 'stop', `no controller handles '${CHANGE_BATCH}': batches cannot be applied`);
    const result: unknown = await handler(taken, new ChangeBatchContext([context]));
    return lastValueFrom(this.transformToObservable(result)) as Promise<Checkpoint | null>;
  }
}
