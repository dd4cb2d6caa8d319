import { backoffMs, describeError, sleep, Waker, type Logger, type Service, type TableMapping } from '@elstream/core';
import type { DueHistory } from '@elstream/warehouse';
import type { ReplicationDeps } from '../deps';
import { describeRefused, mergeHistoryKeys, mergeHistoryRange, type MergedHistory } from '../merge-history';
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

/**
 * Copied history (R13): fetches the versions of keys that applied batches have touched, once their commits are visible at
 * the source (R4). What is due is noted in the batches' own transactions and forgotten in the one that adds the versions,
 * so nothing is lost; adding a version twice adds nothing, so any number of processes may be at it.
 */
export class HistoryCopier implements Service {
  private readonly stopping = new AbortController();
  private readonly logger: Logger;
  private readonly waker = new Waker();
  private ended: Promise<void> | null = null;
  /** Due entries of tables that keep no copied history (any more), or are halted; they must not hide the others. */
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
    this.waker.wake();
  }

  private async loop(): Promise<void> {
    const { historyMs, historyIdleMs, backoff } = this.options;
    let ms = historyIdleMs;
    for (let failures = 0; ; ) {
      // A wake cuts short only the idle nap: entries that come one by one are fetched together.
      await (ms === historyIdleMs ? this.waker.nap(ms, this.stopping.signal) : sleep(ms, this.stopping.signal));
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
    // A halted table's history need no longer be readable as mapped; its next preload copies all of it.
    const mappings = new Map([...(await this.pipeline.mappings())].filter(([, m]) => m.history?.kind === 'copied' && m.halted === undefined));
    if (mappings.size === 0) return false;
    const { warehouse, name } = this.pipeline;
    const found = await warehouse.dueHistory(name, DUE_AT_ONCE + this.foreign);
    const due = found.filter((entry) => mappings.has(entry.table));
    this.foreign = found.length - due.length;
    if (due.length === 0) return false;
    const byTable = new Map<string, DueHistory[]>();
    for (const entry of due) {
      const known = byTable.get(entry.table);
      if (known === undefined) byTable.set(entry.table, [entry]);
      else known.push(entry);
    }
    await this.awaitSource();
    let failure: unknown = null;
    for (const [table, entries] of byTable) {
      const mapping = mappings.get(table);
      if (mapping === undefined) continue;
      try {
        await this.copyTable(mapping, entries);
      } catch (error) {
        // One table that cannot be read holds no other up.
        failure ??= error;
      }
      if (this.stopping.signal.aborted) break;
    }
    if (failure !== null) throw failure;
    return true;
  }

  /** R4: what the batches brought is visible to every read from here. */
  private async awaitSource(): Promise<void> {
    const { deps, pipeline } = this;
    await awaitReadable({ source: await pipeline.source(), logger: this.logger, clock: deps.clock, signal: this.stopping.signal, waitMs: pipeline.settings.transactionWaitMs });
  }

  private async copyTable(mapping: TableMapping, entries: readonly DueHistory[]): Promise<void> {
    const { pipeline } = this;
    const { signal } = this.stopping;
    const merge = { pipeline, mapping, signal };
    const settles = entries.map((entry) => entry.id);
    const merged: MergedHistory[] = [];
    if (entries.some((entry) => entry.key === null)) {
      // A truncate: every key.
      for await (const range of (await pipeline.source()).planHistory(mapping, signal)) merged.push(await mergeHistoryRange(merge, range));
      merged.push(await mergeHistoryKeys(merge, [], settles));
    } else {
      // A key may be due more than once; its versions are asked for once.
      const keys = [...new Map(entries.map((entry) => [JSON.stringify(entry.key), entry.key ?? []])).values()];
      merged.push(await mergeHistoryKeys(merge, keys, settles));
    }
    this.deps.observer.historyMerged(pipeline.name, mapping.id, merged.reduce((sum, { added }) => sum + added, 0));
    const refused = merged.flatMap((one) => one.refused);
    if (refused.length > 0) this.logger.warn({ table: mapping.id, refused: refused.length, error: describeRefused(mapping, { refused }) }, 'versions of rows are left out of the history');
  }
}
