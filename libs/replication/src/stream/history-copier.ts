import { backoffMs, describeError, failpoint, sleep, type Logger, type Service, type TableMapping } from '@elstream/core';
import type { DueHistory } from '@elstream/warehouse';
import { slices } from '../compare/compare-rows';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import { awaitReadable } from '../transaction-wait';
import type { PipelineStream } from './pipeline-stream';

export interface HistoryOptions {
  /** Between looks for due history while there is some, milliseconds. */
  readonly historyMs: number;
  /** Between looks while there is none. */
  readonly historyIdleMs: number;
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
}

/** Every look waits for the source's transactions in progress once, so it takes as much as it can. */
const DUE_AT_ONCE = 20_000;
/** Keys whose versions are read and merged at once. */
const KEYS_AT_ONCE = 2_000;

/**
 * Copied history (R13): fetches the versions of keys that applied batches have touched, once their commits are visible at
 * the source (R4). What is due is noted in the batches' own transactions and forgotten in the one that adds the versions,
 * so nothing is lost; adding a version twice adds nothing, so any number of processes may be at it.
 */
export class HistoryCopier implements Service {
  private readonly stopping = new AbortController();
  private readonly logger: Logger;
  private waker = new AbortController();
  private ended: Promise<void> | null = null;
  /** Due entries of tables that keep no copied history (any more); they must not hide the others. */
  private foreign = 0;

  constructor(
    private readonly deps: ReplicationDeps,
    private readonly pipeline: PipelineHandle,
    private readonly stream: Pick<PipelineStream, 'reading'>,
    private readonly options: HistoryOptions,
  ) {
    this.logger = deps.logger.child({ pipeline: pipeline.name });
  }

  run(): Promise<void> {
    return (this.ended ??= this.loop());
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
  }

  /** A batch has touched keys of a table with copied history: looks now. */
  wake(): void {
    this.waker.abort();
    this.waker = new AbortController();
  }

  private async loop(): Promise<void> {
    const { historyMs, historyIdleMs, backoff } = this.options;
    let ms = historyIdleMs;
    for (let failures = 0; ; ) {
      // A wake cuts short only the idle nap: entries that come one by one are fetched together.
      await sleep(ms, ms === historyIdleMs ? AbortSignal.any([this.stopping.signal, this.waker.signal]) : this.stopping.signal);
      if (this.stopping.signal.aborted) return;
      try {
        ms = this.stream.reading && (await this.copy()) ? historyMs : historyIdleMs;
        failures = 0;
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        failures += 1;
        ms = backoffMs(failures, backoff);
        this.logger[failures < 3 ? 'info' : 'warn']({ error: describeError(error), failures, ms }, 'copied history will be fetched again');
      }
    }
  }

  /** Returns whether something was due. */
  private async copy(): Promise<boolean> {
    const mappings = new Map([...(await this.pipeline.mappings())].filter(([, m]) => m.history?.kind === 'copied'));
    if (mappings.size === 0) return false;
    const { warehouse, name } = this.pipeline;
    const found = await warehouse.dueHistory(name, DUE_AT_ONCE + this.foreign);
    const due = found.filter((entry) => mappings.has(entry.table));
    this.foreign = found.length - due.length;
    if (due.length === 0) return false;
    const byTable = new Map<string, DueHistory[]>();
    for (const entry of due) byTable.set(entry.table, [...(byTable.get(entry.table) ?? []), entry]);
    await this.awaitSource();
    for (const [table, entries] of byTable) {
      const mapping = mappings.get(table);
      if (mapping !== undefined) await this.copyTable(mapping, entries);
    }
    return true;
  }

  /** R4: what the batches brought is visible to every read from here. */
  private async awaitSource(): Promise<void> {
    const { deps, pipeline } = this;
    await awaitReadable({ source: await pipeline.source(), logger: this.logger, clock: deps.clock, signal: this.stopping.signal, waitMs: pipeline.settings.transactionWaitMs });
  }

  private async copyTable(mapping: TableMapping, entries: readonly DueHistory[]): Promise<void> {
    const { signal } = this.stopping;
    const source = await this.pipeline.source();
    const settles = entries.map((entry) => entry.id);
    let added = 0;
    if (entries.some((entry) => entry.key === null)) {
      for await (const range of source.planHistory(mapping, signal)) added += await this.merge(mapping, await source.readHistory(mapping, { range }, signal), []);
      added += await this.merge(mapping, { rows: none() }, settles);
    } else {
      // A key may be due more than once; its versions are asked for once.
      const keys = [...new Map(entries.map((entry) => [JSON.stringify(entry.key), entry.key ?? []])).values()];
      const pieces = slices(keys, KEYS_AT_ONCE);
      for (const [n, piece] of pieces.entries()) added += await this.merge(mapping, await source.readHistory(mapping, { keys: piece }, signal), n === pieces.length - 1 ? settles : []);
    }
    this.deps.observer.historyMerged(this.pipeline.name, mapping.id, added);
  }

  private async merge(mapping: TableMapping, read: { readonly rows: AsyncIterable<Uint8Array> }, settles: readonly string[]): Promise<number> {
    await failpoint('history:read-before-write');
    return this.pipeline.warehouse.mergeHistory({ pipeline: this.pipeline.name, mapping, rows: read.rows, settles });
  }
}

async function* none(): AsyncGenerator<Uint8Array> {
  // A truncate has no rows of its own to answer it: they came range by range.
}
