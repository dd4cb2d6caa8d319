import { ElstreamError } from '@elstream/core';

/** @throws ElstreamError CONNECTOR_PLAN (refuse) naming the setting or table */
export function refuse(message: string, place: { readonly table?: string; readonly setting?: string } = {}): never {
  throw new ElstreamError('CONNECTOR_PLAN', 'refuse', message, { place });
}
