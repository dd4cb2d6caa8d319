import { tableSelection, type PipelineConfig } from '@elstream/config';
import type { PipelineSettings } from '@elstream/replication';

/** A pipeline file → what the pieces of work need of it. No secrets. */
export function pipelineSettings(config: PipelineConfig): PipelineSettings {
  const { source, stream, validate } = config;
  return {
    name: config.name,
    selection: tableSelection(config),
    compareRows: validate.compareRows,
    maxRereads: validate.maxRereads,
    transactionWaitMs: source.transactionWaitMs,
    validationWaitMs: validate.waitMs,
    counterIntervalMs: stream.counterIntervalMs,
    walLimitBytes: source.walLimitBytes,
    walPolicy: source.walLimitPolicy,
    deadLetters: { policy: 'park', limit: 1_000 },
    validateEveryMs: null,
    validateRowsPerSecond: null,
    repair: 'manual',
    showValues: false,
    schemaIntervalMs: 10_000,
  };
}
