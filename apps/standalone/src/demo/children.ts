import { type ChildProcess, execFile, fork } from 'node:child_process';
import path from 'node:path';
import { type Comparison } from './compare-main';
import { type WriterOrder, type WriterReport } from './writer-main';

/** An entry beside this file, whether we run compiled or, in tests, from our sources. */
const entry = (name: string): string => path.join(__dirname, `${name}${path.extname(__filename)}`);

export type WriterTally = Extract<WriterReport, { is: 'ended' }>;

/** The writer's process. */
export class Writer {
  private readonly ended: Promise<WriterTally>;

  private constructor(
    private readonly child: ChildProcess,
    readonly writing: Promise<void>,
  ) {
    this.ended = new Promise((resolve, reject) => {
      let last: WriterReport | undefined;
      child.on('message', (report: WriterReport) => (last = report));
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        if (last?.is === 'ended') resolve(last);
        else reject(new Error(`the writer ended by itself (${last?.is === 'failed' ? last.error : `exit ${String(code ?? signal)}`})`));
      });
    });
    // Whoever waits for it sees it; until then it is nobody's.
    this.ended.catch(() => undefined);
  }

  /** Resolves when it writes. */
  static async start(sourceUrl: string): Promise<Writer> {
    const child = fork(entry('writer-main'), [], { env: { ...process.env, SOURCE_URL: sourceUrl }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const writing = new Promise<void>((resolve) => child.on('message', (report: WriterReport) => report.is === 'writing' && resolve()));
    const writer = new Writer(child, writing);
    await Promise.race([writing, writer.ended]);
    return writer;
  }

  /** Rejects when the writer ends before it was asked to. */
  get failure(): Promise<never> {
    return this.ended.then(() => new Promise<never>(() => undefined));
  }

  calm(): void {
    this.order('calm');
  }

  /** Resolves when every connection of the writer is closed: nothing it did can commit later. */
  async stop(): Promise<WriterTally> {
    this.order('stop');
    return this.ended;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private order(order: WriterOrder): void {
    if (this.child.connected) this.child.send(order);
  }
}

/** Runs the comparison in a process of its own, which is given nothing but the two connection strings. */
export function compareSides(sourceUrl: string, warehouseUrl: string, signal: AbortSignal): Promise<Comparison> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, SOURCE_URL: sourceUrl, WAREHOUSE_URL: warehouseUrl };
    execFile(process.execPath, [...process.execArgv, entry('compare-main')], { env, signal, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      // 0 and 1 are answers; everything else is none.
      if (error !== null && error.code !== 1) reject(new Error(`the two sides could not be compared: ${stderr.trim() || error.message}`, { cause: error }));
      else resolve(JSON.parse(stdout) as Comparison);
    });
  });
}
