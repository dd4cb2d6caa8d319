import { BlockList, isIP } from 'node:net';
import { ElstreamError } from '@elstream/core';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');

/** True for `localhost` and loopback addresses of both families, an IPv6 one with or without brackets. An empty host means all addresses. */
export function isLoopback(host: string): boolean {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  const family = isIP(bare);
  if (family === 0) return /^localhost\.?$/i.test(bare);
  return loopback.check(bare, family === 6 ? 'ipv6' : 'ipv4');
}

/** Refuses to open the API to other machines without a token (R10). */
export function refuseOpenListening(settings: { readonly host: string; readonly token: string | null }): void {
  if (settings.token === '') {
    throw new ElstreamError('API_TOKEN_EMPTY', 'refuse', 'API_TOKEN is set but empty; give it a value, or unset it and listen on 127.0.0.1', { place: { setting: 'API_TOKEN' } });
  }
  if (settings.token !== null || isLoopback(settings.host)) return;
  throw new ElstreamError(
    'API_TOKEN_MISSING',
    'refuse',
    `HTTP_HOST is '${settings.host}', which other machines can reach, and API_TOKEN is not set; set API_TOKEN, or HTTP_HOST to 127.0.0.1`,
    { place: { setting: 'API_TOKEN' } },
  );
}

/** The host of a Host header without its port; null if malformed. */
export function hostnameOf(header: string | undefined): string | null {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]/@?#\s]+)(?::\d{1,5})?$/i.exec(header ?? '');
  return match?.[1] ?? null;
}
