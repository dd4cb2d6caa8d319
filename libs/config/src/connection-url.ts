const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** True for a PostgreSQL connection URL that names a database. */
export function isPostgresUrl(text: string): boolean {
  const url = parse(text);
  return url !== null && /^postgres(?:ql)?:$/.test(url.protocol) && url.pathname.length > 1;
}

/** Server a URL leads to, as far as text can tell: two spellings of one loopback server are one. */
export function serverOf(text: string): string {
  const url = parse(text);
  if (url === null) return text;
  const host = url.hostname === '' ? (url.searchParams.get('host') ?? 'localhost') : url.hostname;
  return `${isLoopback(host) ? 'localhost' : host.toLowerCase()}:${url.port === '' ? '5432' : url.port}`;
}

/** Host and port of a URL, an address of IPv6 without brackets; a host that is missing is this machine. */
export function endpointOf(text: string): { readonly host: string; readonly port: number } {
  const url = parse(text);
  const host = url === null || url.hostname === '' ? (url?.searchParams.get('host') ?? 'localhost') : url.hostname;
  return { host: host.replace(/^\[|\]$/g, ''), port: url === null || url.port === '' ? 5432 : Number(url.port) };
}

/** Server and database of a URL. */
export function databaseOf(text: string): string {
  return `${serverOf(text)}${parse(text)?.pathname ?? ''}`;
}

/** True if the file itself, not a `${…}` reference in it, gives a password. */
export function hasLiteralPassword(raw: string): boolean {
  const inAuthority = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#]*?:([^\s/?#]*)@/i.exec(raw)?.[1];
  const inParameter = /[?&]password=([^&]*)/i.exec(raw)?.[1];
  return [inAuthority, inParameter].some((password) => password !== undefined && password !== '' && !password.includes('${'));
}

function parse(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
