import { MultiBar, type SingleBar } from 'cli-progress';
import { type RunDetail } from './rest';

export const whole = (n: number): string => Math.round(n).toLocaleString('en-US');
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The person's view: lines on stdout, bars on a terminal's stderr. The last line of stdout is the caller's. */
export class Output {
  private readonly began = performance.now();

  constructor(readonly terminal: boolean) {}

  get elapsedMs(): number {
    return performance.now() - this.began;
  }

  line(text = ''): void {
    process.stdout.write(`${text}\n`);
  }

  step(text: string): void {
    this.line(`[${seconds(this.elapsedMs).padStart(7)}] ${text}`);
  }

  progress(title: string, stage: 'preload' | 'validate'): Progress {
    return this.terminal ? new Bars(stage) : new Lines(this, title, stage);
  }
}

/** Shows how far a run has come. */
export interface Progress {
  show(run: RunDetail): void;
  end(): void;
}

type TableRow = RunDetail['progress'][number];

const nameOf = (table: string): string => table.replace(/^.*\./, '');

class Bars implements Progress {
  private readonly bars = new Map<string, { readonly bar: SingleBar; since: number | null; shown: string; rate: string }>();
  private readonly multi = new MultiBar({
    format: '  {table} {bar} {percentage}% | {rows} rows | {rate} rows/s | {eta_formatted} {phase}',
    barsize: 28,
    stream: process.stderr,
    hideCursor: true,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    etaBuffer: 30,
  });

  constructor(private readonly stage: 'preload' | 'validate') {}

  show(run: RunDetail): void {
    for (const row of run.progress) {
      const { done, total, rows } = row[this.stage];
      const known = this.bars.get(row.table) ?? this.open(row.table);
      const text = `${String(done)}/${String(total)} ${row.phase}`;
      if (known.shown === text) continue;
      const countsChanged = !known.shown.startsWith(`${String(done)}/${String(total)} `);
      known.shown = text;
      // A rate counts from the moment the table's ranges were known, and stands when the last of them is done.
      if (total > 0) known.since ??= performance.now();
      if (countsChanged && known.since !== null) known.rate = whole((rows * 1000) / Math.max(1, performance.now() - known.since));
      known.bar.setTotal(Math.max(1, total));
      known.bar.update(done, { rows: whole(rows).padStart(9), rate: known.rate.padStart(7), phase: row.phase });
    }
  }

  end(): void {
    this.multi.stop();
  }

  private open(table: string) {
    const bar = this.multi.create(1, 0, { table: nameOf(table).padEnd(16), rows: '0', rate: '0', phase: '' });
    const opened = { bar, since: null, shown: '', rate: '0' };
    this.bars.set(table, opened);
    return opened;
  }
}

const EVERY_MS = 2_000;

/** The same without a terminal: a line every two seconds, of the tables at work. */
class Lines implements Progress {
  private readonly began = new Map<string, number>();
  private shownAt = performance.now();

  constructor(
    private readonly out: Output,
    private readonly title: string,
    private readonly stage: 'preload' | 'validate',
  ) {}

  show(run: RunDetail): void {
    const now = performance.now();
    // A rate counts from the moment the table's ranges were known.
    for (const row of run.progress) if (row[this.stage].total > 0 && !this.began.has(row.table)) this.began.set(row.table, now);
    if (now - this.shownAt < EVERY_MS) return;
    this.shownAt = now;
    const all = run.progress.flatMap((row) => this.describe(row, now) ?? []);
    this.out.step(`${this.title}: ${all.join('; ') || 'preparing'}`);
  }

  end(): void {
    return;
  }

  private describe(row: TableRow, now: number): string | null {
    const { done, total, rows } = row[this.stage];
    const began = this.began.get(row.table);
    if (began === undefined) return null;
    if (done === total) return `${nameOf(row.table)} done`;
    const ms = Math.max(1, now - began);
    const eta = done > 0 ? `, ETA ${seconds((ms / done) * (total - done))}` : '';
    return `${nameOf(row.table)} ${String(done)}/${String(total)} chunks, ${whole(rows)} rows, ${whole((rows * 1000) / ms)} rows/s${eta}`;
  }
}
