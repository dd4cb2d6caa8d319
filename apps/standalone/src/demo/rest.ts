/** What the demonstration reads of the API's answers (docs/openapi.json). */
export interface RunDetail {
  readonly id: string;
  readonly state: 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly error: string | null;
  readonly progress: readonly {
    readonly table: string;
    readonly phase: 'new' | 'preloading' | 'catching-up' | 'live' | 'stopped';
    readonly estimatedRows: number | null;
    readonly preload: Stage;
    readonly validate: Stage;
  }[];
  readonly rowsCompared: number;
  readonly differences: number;
  readonly unverified: number;
}

interface Stage {
  readonly done: number;
  readonly total: number;
  readonly rows: number;
}

export interface PipelineState {
  readonly lagMs: number | null;
  readonly eventsApplied: number;
  readonly streamError: string | null;
  readonly gapReason: string | null;
}

export interface DifferenceLine {
  readonly table: string;
  readonly key: string;
  readonly kind: 'missing' | 'extra' | 'unequal';
  readonly columns: readonly string[];
}

/** The product's API, spoken to as anybody would: of several gateways each in turn. */
export class Rest {
  private calls = 0;

  constructor(
    private readonly api: { readonly urls: readonly string[]; readonly token: string | null },
    private readonly signal: AbortSignal,
  ) {}

  startRun(pipeline: string, stages?: readonly string[]): Promise<RunDetail> {
    return this.call('POST', `/pipelines/${pipeline}/runs`, stages === undefined ? {} : { stages });
  }

  run(id: string): Promise<RunDetail> {
    return this.call('GET', `/runs/${id}`);
  }

  pipeline(name: string): Promise<PipelineState> {
    return this.call('GET', `/pipelines/${name}`);
  }

  differences(id: string): Promise<readonly DifferenceLine[]> {
    return this.call('GET', `/runs/${id}/differences?limit=10`);
  }

  private async call<T>(method: string, path: string, body?: object): Promise<T> {
    const { urls, token } = this.api;
    const url = urls[this.calls++ % urls.length] ?? '';
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      signal: this.signal,
      headers: { ...(token === null ? {} : { Authorization: `Bearer ${token}` }), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as T & { readonly detail?: string };
    if (!response.ok) throw new Error(`${method} ${path} answered ${String(response.status)}: ${answer.detail ?? 'no detail'}`);
    return answer;
  }
}
