import { ElstreamError, type KeyRange } from '@elstream/core';

/** A range as kept in a task's payload. */
export function rangePayload(range: KeyRange): Readonly<Record<string, unknown>> {
  return { from: range.from, to: range.to };
}

/** Payload → range. Throws `TASK_PAYLOAD` (stop) for anything else. */
export function rangeOf(payload: Readonly<Record<string, unknown>>): KeyRange {
  return { from: bound(payload['from']), to: bound(payload['to']) };
}

function bound(value: unknown): readonly string[] | null {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value) && value.every((cell): cell is string => typeof cell === 'string')) return value;
  throw new ElstreamError('TASK_PAYLOAD', 'stop', 'a task holds no range of keys; cancel the run and start a new one');
}

/** Payload → keys, null where it holds none. Throws `TASK_PAYLOAD` (stop) where they are no keys. */
export function keysOf(payload: Readonly<Record<string, unknown>>): readonly (readonly string[])[] | null {
  const keys = payload['keys'];
  if (keys === undefined) return null;
  if (Array.isArray(keys) && keys.every(isKey)) return keys;
  throw new ElstreamError('TASK_PAYLOAD', 'stop', 'the keys of a task are none; cancel the run and start a new one');
}

function isKey(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((cell) => typeof cell === 'string');
}
