import { once } from 'node:events';
import { type RunEvent } from '@elstream/control';
import { sleep } from '@elstream/core';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { type Response } from '../http/messages';
import { HttpProblem } from '../http/problem';
import { GATEWAY_SERVICES, type GatewayServices } from '../services';
import { eventView, hasEnded } from './views';

const EVENTS_PER_READ = 200;
const MAX_STREAMS = 200;

export const EVENT_STREAM_OPTIONS = Symbol('EventStreamOptions');
export interface EventStreamOptions {
  /** How often the control tables are looked at when the bus says nothing, milliseconds. */
  readonly pollMs: number;
  /** A comment is sent after this long without an event, so that proxies keep the connection; milliseconds. */
  readonly heartbeatMs: number;
}

/**
 * Server-sent events of runs. Every stream reads the control tables (the bus only wakes it earlier), so a client that
 * comes back with the last id it saw misses nothing, whichever process answers. All streams end with the application.
 */
@Injectable()
export class EventStreams implements OnModuleDestroy {
  readonly #open = new Map<AbortController, Promise<void>>();
  #closed = false;

  constructor(
    @Inject(GATEWAY_SERVICES) private readonly services: GatewayServices,
    @Inject(EVENT_STREAM_OPTIONS) private readonly options: EventStreamOptions,
  ) {}

  async onModuleDestroy(): Promise<void> {
    this.#closed = true;
    for (const stream of this.#open.keys()) stream.abort();
    await Promise.allSettled(this.#open.values());
  }

  /** Number of streams being served. */
  get open(): number {
    return this.#open.size;
  }

  /** Sends the run's events above `after` until it has ended, the client has gone or the application closes. */
  async serve(runId: string, after: number, res: Response): Promise<void> {
    if (this.#closed || this.#open.size >= MAX_STREAMS) {
      throw new HttpProblem(503, 'STREAMS_EXHAUSTED', 'no further event stream can be served now; poll /events instead, or try again', { headers: { 'Retry-After': '5' } });
    }
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    res.once('close', abort);
    // Nothing else comes on this connection, so that its end is seen at once by proxies and by our own shutdown.
    res.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no', Connection: 'close' });
    res.write('retry: 1000\n\n');
    const served = this.#pump(runId, after, { res, signal: controller.signal });
    this.#open.set(controller, served);
    try {
      await served;
    } finally {
      this.#open.delete(controller);
      res.removeListener('close', abort);
      res.end();
    }
  }

  async #pump(runId: string, after: number, { res, signal }: { readonly res: Response; readonly signal: AbortSignal }): Promise<void> {
    const { store } = this.services;
    let last = after;
    let quietMs = 0;
    while (!signal.aborted) {
      // The state is read before the events: those of a run seen ended are all there.
      const run = await store.readRun(runId);
      const events = await store.readEvents(runId, last, EVENTS_PER_READ);
      for (const event of events) {
        await write(res, frame(event), signal);
        last = event.id;
      }
      if (events.length === EVENTS_PER_READ) continue;
      if (run === null || hasEnded(run)) {
        await write(res, `id: ${last}\nevent: end\ndata: ${JSON.stringify({ state: run?.state ?? 'removed', error: run?.error ?? null })}\n\n`, signal);
        return;
      }
      quietMs = events.length > 0 ? 0 : quietMs;
      quietMs += await this.#wait(runId, signal);
      if (quietMs >= this.options.heartbeatMs) {
        await write(res, ': still here\n\n', signal);
        quietMs = 0;
      }
    }
  }

  /** Waits for news of the run, at most `pollMs`; returns how long it took, milliseconds. */
  async #wait(runId: string, signal: AbortSignal): Promise<number> {
    const woken = new AbortController();
    const unsubscribe = this.services.bus.subscribe((message) => {
      if (message.type === 'run-changed' && message.runId === runId) woken.abort();
    });
    const start = performance.now();
    try {
      await sleep(this.options.pollMs, AbortSignal.any([signal, woken.signal]));
    } finally {
      unsubscribe();
    }
    return performance.now() - start;
  }
}

/** JSON has no line breaks of its own, so one data line holds it. */
function frame(event: RunEvent): string {
  return `id: ${event.id}\nevent: ${event.type.replaceAll(/[\r\n]/g, ' ')}\ndata: ${JSON.stringify(eventView(event))}\n\n`;
}

/** Waits while the client does not take what was sent (R11). */
async function write(res: Response, text: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || res.write(text)) return;
  try {
    await once(res, 'drain', { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
