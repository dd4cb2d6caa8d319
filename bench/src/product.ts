import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { until } from './sql';

const PIPELINE = 'bench';

export interface ProductOptions {
  readonly sourceUrl: string;
  readonly warehouseUrl: string;
  /** For the pipeline file. */
  readonly folder: string;
  /** Further settings of the pipeline file, YAML. */
  readonly pipeline: string;
  readonly nodeOptions: string;
  readonly verbose: boolean;
  /** Node arguments and the script of the standalone program. */
  readonly entry: readonly string[];
}

/** A run as the API shows it, as far as needed here. */
export interface RunDetail {
  readonly id: string;
  readonly state: string;
  readonly error: string | null;
  readonly rowsCompared: number;
  readonly confirmedEqual: number;
  readonly bytesMoved: number;
}

/** The product in a process of its own, driven through its REST API alone. Target tables lie in schema `product`. */
export class Product implements AsyncDisposable {
  private constructor(
    private readonly child: ChildProcess,
    private readonly address: string,
    private readonly ended: Promise<never>,
  ) {}

  static async start(options: ProductOptions): Promise<Product> {
    const pipelines = path.join(options.folder, 'pipelines');
    mkdirSync(pipelines, { recursive: true });
    const yaml = `name: ${PIPELINE}\nsource: { url: '\${SOURCE_URL}' }\nwarehouse: { url: '\${WAREHOUSE_URL}', schema: product }\ntables: { include: ['public.event'] }\n${options.pipeline}\n`;
    writeFileSync(path.join(pipelines, 'bench.yaml'), yaml);
    const env = {
      ...process.env,
      PIPELINES_DIR: pipelines,
      SOURCE_URL: options.sourceUrl,
      WAREHOUSE_URL: options.warehouseUrl,
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: '0',
      API_TOKEN: '',
      LOG_LEVEL: options.verbose ? 'debug' : 'info',
    };
    const child = spawn(process.execPath, [...options.nodeOptions.split(' ').filter((o) => o !== ''), ...options.entry], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<never>((_resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => reject(new Error(`the product's process ended with ${String(code ?? signal)}`)));
    });
    ended.catch(() => undefined);
    return new Product(child, await Promise.race([addressOf(child, options.verbose), ended]), ended);
  }

  /** A run from start to its end; returns its id, throws if it did not succeed. */
  async run(): Promise<string> {
    const run = (await this.call('POST', `pipelines/${PIPELINE}/runs`)) as RunDetail;
    await this.runEnds(run.id);
    return run.id;
  }

  /** A validation alone, from start to its end, as the API shows it then; throws if it did not succeed. */
  async validate(): Promise<RunDetail> {
    const run = (await this.call('POST', `pipelines/${PIPELINE}/runs`, { stages: ['validate'] })) as RunDetail;
    return this.runEnds(run.id);
  }

  private async runEnds(id: string): Promise<RunDetail> {
    let run: RunDetail | undefined;
    const ended = async (): Promise<boolean> => {
      run = (await this.call('GET', `runs/${id}`)) as RunDetail;
      return ['succeeded', 'failed', 'cancelled'].includes(run.state);
    };
    await until('the end of the run', ended, { everyMs: 500, unlessFails: this.ended });
    if (run?.state !== 'succeeded') throw new Error(`run ${run?.state ?? ''}: ${run?.error ?? ''}`);
    return run;
  }

  async pause(): Promise<void> {
    await this.call('POST', `pipelines/${PIPELINE}/pause`);
  }

  async resume(): Promise<void> {
    await this.call('POST', `pipelines/${PIPELINE}/resume`);
  }

  /** `until` that also ends when the process does. */
  async until(what: string, probe: () => Promise<boolean>, everyMs: number): Promise<void> {
    await until(what, probe, { everyMs, unlessFails: this.ended });
  }

  /** Peak resident memory since the start or the last `resetPeak`, bytes (VmHWM). */
  peakMemory(): number {
    return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(this.child.pid)}/status`, 'utf8'))?.[1]);
  }

  /** Forgets the peak, so that the next one tells of what follows alone. */
  resetPeak(): void {
    writeFileSync(`/proc/${String(this.child.pid)}/clear_refs`, '5');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGTERM');
    await this.ended.catch(() => undefined);
  }

  private async call(method: string, path: string, asked?: unknown): Promise<unknown> {
    const json = asked === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(asked) };
    const response = await fetch(`${this.address}/api/v1/${path}`, { method, ...json });
    const body: unknown = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${String(response.status)} ${JSON.stringify(body)}`);
    return body;
  }
}

/** The address of the API, from the first log line that holds one. Warnings, and with `verbose` all lines, go to stderr. */
function addressOf({ stdout, stderr }: ChildProcess, verbose: boolean): Promise<string> {
  if (stdout === null || stderr === null) throw new Error('the product has no output');
  createInterface({ input: stdout }).on('line', (line) => void process.stderr.write(`${line}\n`));
  return new Promise((resolve) => {
    createInterface({ input: stderr }).on('line', (line) => {
      const said = line.startsWith('{') ? (JSON.parse(line) as { level?: string; address?: string }) : {};
      if (said.address !== undefined) resolve(said.address);
      if (verbose || said.level !== 'info') process.stderr.write(`${line}\n`);
    });
  });
}
