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
    deadLetters: { policy: config.deadLetters.policy, limit: config.deadLetters.limit },
    validateEveryMs: validate.every === 0 ? null : validate.every,
    validateMode: validate.mode,
    validateSamplePercent: validate.samplePercent ?? null,
    validateRowsPerSecond: validate.maxRowsPerSecond ?? null,
    repair: validate.repair,
    showValues: validate.showValues,
    schemaIntervalMs: source.schemaIntervalMs,
  };
}
