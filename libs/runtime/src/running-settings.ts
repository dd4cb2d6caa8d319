import { databaseOf, publicationName, slotName, type PipelineConfig, type StreamSettings } from '@elstream/config';
import { tableId } from '@elstream/core';

/** A setting that was changed in the file and keeps its value in this process. */
export interface KeptSetting {
  readonly setting: string;
  readonly remedy: string;
}

const RESTART = 'it holds from the next start of the services';
const REMOVE = 'changed in place it would leave our slot behind at the source, keeping its log; put the old value back and remove the pipeline through the API (DELETE) first, then change it';

/**
 * The configuration to go on with: what the file says now, but for settings that cannot change while the process runs.
 * Those keep their value: connection pool and workers of the warehouse are shared and made at the start, and a slot must
 * never be forgotten where it is (R14).
 */
export function whileRunning(running: PipelineConfig, wanted: PipelineConfig): { readonly config: PipelineConfig; readonly kept: readonly KeptSetting[] } {
  const kept: KeptSetting[] = [];
  const keep = <V>(setting: string, old: V, now: V, remedy: string): V => {
    if (old !== now) kept.push({ setting, remedy });
    return old;
  };
  const { warehouse, preload, validate, source } = running;
  const moved = databaseOf(source.url) !== databaseOf(wanted.source.url);
  if (moved) kept.push({ setting: 'source.url', remedy: REMOVE });
  const { stream, settings } = whileCapturing(running, wanted);
  kept.push(...settings.map((setting) => ({ setting, remedy: REMOVE })));
  const config: PipelineConfig = {
    ...wanted,
    // The standby goes with its primary: one of another database must never be read in its place.
    source: moved ? { ...wanted.source, url: source.url, readUrl: source.readUrl, ...(source.type === wanted.source.type ? {} : { type: source.type, walLimitBytes: source.walLimitBytes }) } : wanted.source,
    stream,
    warehouse: {
      ...wanted.warehouse,
      url: keep('warehouse.url', warehouse.url, wanted.warehouse.url, RESTART),
      type: warehouse.type,
      maxConnections: keep('warehouse.maxConnections', warehouse.maxConnections, wanted.warehouse.maxConnections, RESTART),
      statementTimeoutMs: keep('warehouse.statementTimeoutMs', warehouse.statementTimeoutMs, wanted.warehouse.statementTimeoutMs, RESTART),
      lockTimeoutMs: keep('warehouse.lockTimeoutMs', warehouse.lockTimeoutMs, wanted.warehouse.lockTimeoutMs, RESTART),
    },
    preload: { ...wanted.preload, workers: keep('preload.workers', preload.workers, wanted.preload.workers, RESTART) },
    validate: { ...wanted.validate, workers: keep('validate.workers', validate.workers, wanted.validate.workers, RESTART) },
  };
  return { config, kept };
}

/** The wanted stream, but for what would leave a slot, a connector or topics behind; and the settings that keep their value. */
function whileCapturing(running: PipelineConfig, wanted: PipelineConfig): { readonly stream: StreamSettings; readonly settings: readonly string[] } {
  const [old, now] = [running.stream, wanted.stream];
  if (old.type !== now.type) return { stream: old, settings: ['stream.type'] };
  const settings: string[] = [];
  const keep = <V>(setting: string, before: V, after: V): V => {
    if (before !== after) settings.push(setting);
    return before;
  };
  const otherSlot = slotName(running) !== slotName(wanted);
  const otherPublication = publicationName(running) !== publicationName(wanted);
  if (otherSlot) settings.push('stream.slotName');
  if (otherPublication) settings.push('stream.publicationName');
  const names = { ...(otherSlot ? { slotName: old.slotName } : {}), ...(otherPublication ? { publicationName: old.publicationName } : {}) };
  if (old.type !== 'kafka' || now.type !== 'kafka') return { stream: { ...now, ...names }, settings };
  const stream = {
    ...now,
    ...names,
    topicPrefix: keep('stream.topicPrefix', old.topicPrefix, now.topicPrefix),
    schemaHistoryTopic: old.topicPrefix === now.topicPrefix ? keep('stream.schemaHistoryTopic', old.schemaHistoryTopic, now.schemaHistoryTopic) : old.schemaHistoryTopic,
    groupId: keep('stream.groupId', old.groupId, now.groupId),
    counterTable: keep('stream.counterTable', tableId(old.counterTable), tableId(now.counterTable)) === tableId(now.counterTable) ? now.counterTable : old.counterTable,
    connect: { ...now.connect, url: keep('stream.connect.url', old.connect.url, now.connect.url), name: keep('stream.connect.name', old.connect.name, now.connect.name) },
  };
  return { stream, settings };
}
