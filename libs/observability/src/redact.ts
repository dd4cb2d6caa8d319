const HIDDEN = '[redacted]';

/** Field and parameter names whose value is a secret, whatever it holds. */
const SECRET_NAME = /pass(?:word|wd|phrase)?$|pwd$|secret|token|credential|authorization|api[-_]?key|private[-_]?key/i;

/** The authority of a URL up to its last `@`: a password may hold an `@` of its own. */
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/?#]*)@/gi;
const SECRET_PARAMETER = /\b((?:[a-z0-9_-]*(?:password|passwd|pwd|secret|token|api_?key))\s*=\s*)('[^']*'|"[^"]*"|[^\s&;,'"]+)/gi;

/** True if a field of this name is never shown. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/**
 * Any text with what looks like a secret cut out: credentials inside URLs and `password=…` parameters. Errors of drivers
 * quote connection strings, so every message passes here.
 */
export function redactText(text: string): string {
  if (!text.includes('://') && !text.includes('=')) return text;
  return text
    .replace(URL_CREDENTIALS, (_match, scheme: string, authority: string) => `${scheme}${hidePassword(authority)}@`)
    .replace(SECRET_PARAMETER, (_match, name: string) => name + HIDDEN);
}

function hidePassword(authority: string): string {
  const colon = authority.indexOf(':');
  return colon < 0 ? authority : `${authority.slice(0, colon)}:${HIDDEN}`;
}

/**
 * A connection URL fit for people: the password and secret parameters hidden, user, host and database kept.
 * Text that is no URL is shown as nothing but `[redacted]`: it may be anything.
 */
export function redactUrl(url: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return HIDDEN;
  return redactText(url);
}
