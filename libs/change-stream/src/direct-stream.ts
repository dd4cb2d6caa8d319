import { DIRECT_PARTITION, hasPassedDirect, type EventBatch, type LogPosition, type StreamOffset, type TableMapping } from '@elstream/core';
import type { ConsumeOptions, StreamMark, StreamMoment } from './change-stream';
import { readAhead } from './read-ahead';

export interface ReadOptions {
  /** First offset not yet applied; what the source sends again below it is dropped exactly (R2). */
  readonly from: StreamOffset;
  readonly mappings: () => ReadonlyMap<string, TableMapping>;
  readonly opened?: () => void;
  readonly reshaped?: (table: string) => void;
  readonly signal: AbortSignal;
}

/** What a stream of one partition is made of. */
export interface DirectSource {
  /** Ends when `signal` aborts. Meanings as in `ConsumeOptions`. */
  read(options: ReadOptions): AsyncIterable<EventBatch>;
  /** The warehouse checkpoint is durable up to `offset`. */
  acknowledge(offset: StreamOffset): void;
}

/** `consume` over one partition that is read in turn: the next batch is decoded while one is applied. */
export async function consumeDirect(source: DirectSource, options: ConsumeOptions): Promise<void> {
  const { mappings, opened, reshaped, signal: outer } = options;
  const session = new AbortController();
  const signal = AbortSignal.any([outer, session.signal]);
  try {
    const from = await options.start(DIRECT_PARTITION);
    if (from === null || signal.aborted) return;
    const batches = source.read({ from, mappings, signal, ...(opened === undefined ? {} : { opened }), ...(reshaped === undefined ? {} : { reshaped }) });
    for await (const batch of readAhead(batches, () => session.abort())) {
      if (signal.aborted) return;
      if ((await options.onBatch(batch, signal)) !== 'applied') return;
      source.acknowledge(batch.next);
    }
  } finally {
    session.abort();
  }
}

/** Positions of a direct stream are those of the source's log. */
export function directMark(position: LogPosition): StreamMark {
  return {
    reachedBy: (checkpoints) => checkpoints.some(({ partition, next }) => partition === DIRECT_PARTITION && hasPassedDirect(next, position)),
    bound: () => position,
  };
}

export function directMoment(moment: LogPosition): StreamMoment {
  return { mayBeNewer: (position) => moment.isBelow(position) };
}
