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

export interface DeadLetterLine {
  readonly id: string;
  readonly table: string;
  readonly op: string;
  readonly key: readonly string[] | null;
  readonly code: string;
  readonly reason: string;
}

export interface SchemaChangeLine {
  readonly table: string;
  readonly state: string;
  readonly added: readonly string[];
}

export interface PipelineState {
  readonly lagMs: number | null;
  readonly eventsApplied: number;
  /** Null where the log does not count events. */
  readonly eventsBehind: number | null;
  readonly streamError: string | null;
  readonly gapReason: string | null;
  readonly activeRunId: string | null;
  readonly tables: readonly { readonly table: string; readonly phase: string; readonly stale: string | null }[];
}

export interface DifferenceLine {
  readonly table: string;
  readonly key: string;
  readonly kind: 'missing' | 'extra' | 'unequal';
  readonly of: 'row' | 'history';
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

  /** Repairs everything a run has found. */
  repair(pipeline: string, runId: string): Promise<RunDetail> {
    return this.call('POST', `/pipelines/${pipeline}/repairs`, { run: runId });
  }

  deadLetters(pipeline: string, state: 'parked' | 'replayed'): Promise<readonly DeadLetterLine[]> {
    return this.call('GET', `/pipelines/${pipeline}/dead-letters?state=${state}`);
  }

  replayAll(pipeline: string): Promise<RunDetail> {
    return this.call('POST', `/pipelines/${pipeline}/dead-letters/replay`, { all: true });
  }

  schemaChanges(pipeline: string): Promise<readonly SchemaChangeLine[]> {
    return this.call('GET', `/pipelines/${pipeline}/schema-changes`);
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
