import type { Replica } from './fleet.fixture';

/** What the suites read of the API's answers (docs/openapi.json). */
export interface RunDetail {
  readonly id: string;
  readonly state: 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly error: string | null;
  readonly progress: readonly { readonly table: string; readonly preload: { readonly done: number; readonly total: number; readonly rows: number } }[];
  readonly rowsCompared: number;
  readonly differences: number;
  readonly unverified: number;
}

export interface PipelineView {
  readonly name: string;
  readonly paused: boolean;
  readonly activeRunId: string | null;
  readonly tables: readonly { readonly table: string; readonly rowsPreloaded: number }[];
}

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

/** One request to one gateway. Throws when there is no answer within `withinMs`. */
export async function call<T>(gateway: Replica, method: 'GET' | 'POST', path: string, { body, withinMs = 10_000 }: { readonly body?: object; readonly withinMs?: number } = {}): Promise<Answer<T>> {
  if (gateway.address === null) throw new Error(`${gateway.name} does not listen yet`);
  const response = await fetch(`${gateway.address}/api/v1${path}`, {
    method,
    signal: AbortSignal.timeout(withinMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
  });
  return { status: response.status, body: (await response.json()) as T };
}

/** As `call`, of which only success is good. */
export async function ask<T>(gateway: Replica, method: 'GET' | 'POST', path: string, options: Parameters<typeof call>[3] = {}): Promise<T> {
  const { status, body } = await call<T>(gateway, method, path, options);
  if (status >= 300) throw new Error(`${gateway.name}: ${method} ${path} answered ${String(status)}: ${JSON.stringify(body)}`);
  return body;
}

/** The server-sent events of a run as one gateway tells them. */
export class EventListener {
  /** Event names in order; `end` is the last one of a run. */
  readonly events: string[] = [];
  readonly ids: number[] = [];
  /** `told`: the run ended; `broken`: the connection did. */
  readonly ended: Promise<'told' | 'broken'>;
  readonly #abort = new AbortController();

  constructor(gateway: Replica, runId: string, after = 0) {
    this.ended = this.#listen(`${gateway.address ?? ''}/api/v1/runs/${runId}/stream`, after);
  }

  async #listen(url: string, after: number): Promise<'told' | 'broken'> {
    try {
      const response = await fetch(url, { signal: this.#abort.signal, headers: { Accept: 'text/event-stream', 'Last-Event-ID': String(after) } });
      if (response.status !== 200 || response.body === null) throw new Error(`event stream answered ${String(response.status)}`);
      const decoder = new TextDecoder();
      let text = '';
      for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
        text += decoder.decode(bytes, { stream: true });
        const frames = text.split('\n\n');
        text = frames.pop() ?? '';
        for (const frame of frames) this.#take(frame);
      }
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('event stream answered')) throw error;
      // A connection that broke: that is what `ended` says.
    }
    return this.events.at(-1) === 'end' ? 'told' : 'broken';
  }

  #take(frame: string): void {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1];
    const event = field('event');
    if (event === undefined) return;
    this.events.push(event);
    if (event !== 'end') this.ids.push(Number(field('id')));
  }

  close(): void {
    this.#abort.abort();
  }
}
