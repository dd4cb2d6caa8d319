const HIDDEN = '[redacted]';

/** Field and parameter names whose value is a secret, whatever it holds. */
const SECRET_NAME = /pass(?:word|wd|phrase)?$|pwd$|secret|token|credential|authorization|^auth$|api[-_]?key|private[-_]?key|headers$/i;

/** The authority of a URL up to its last `@`: a password may hold an `@` of its own. */
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/?#]*)@/gi;
/** The same where the password holds `/`, `?` or `#` and the text is no URL therefore; a port is no password. */
const BROKEN_URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/[^\s/?#@:]*:)(?!\d+[/?#]|\[redacted\])[^\s"'<>]*@/gi;
/** `user:password@host` and `:password@host` without a scheme, as it is left when a scheme was cut off. */
const BARE_CREDENTIALS = /(^|[\s"'`=(,;<[])([\w.%+-]*:)(?!\[redacted\])[^\s@/]+@(?=[\w[])/g;
const NAME = '[a-z0-9_-]*(?:password|passwd|passphrase|pwd|secret|token|authorization|api[-_]?key)';
const SECRET_PARAMETER = new RegExp(`\\b(${NAME}\\s*=\\s*)('[^']*'|"[^"]*"|[^\\s&;,'"]+)`, 'gi');
/** As JSON and Node's inspector write it; the name may be quoted, the value is (`token: is missing` is no secret). */
const QUOTED_FIELD = new RegExp(`(\\b${NAME}["']?\\s*:\\s*)('[^']*'|"[^"]*")`, 'gi');
const AUTHORIZATION = /\b(authorization\s*[:=]\s*)(?:(?:basic|bearer)(?:\s+|%20))?[^\s,;'"]+/gi;
/** A bearer token by itself; words of prose after it are shorter and hold no digit. */
const BEARER = /\b(bearer(?:\s+|%20))(?=\S*\d|\S{24})[\w.~+/=%-]+/gi;
/** All of them, whatever the headers are called. */
const EXPORTER_HEADERS = /\b(otel_exporter_otlp_(?:[a-z]+_)?headers\s*=\s*)('[^']*'|"[^"]*"|\S+)/gi;

/** True if a field of this name is never shown. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/**
 * Any text with what looks like a secret cut out: credentials inside URLs and before hosts, `password=…` parameters,
 * tokens and exporter headers. Errors of drivers quote connection strings, so every message passes here.
 */
export function redactText(text: string): string {
  if (!/[:=]|bearer/i.test(text)) return text;
  return text
    .replace(EXPORTER_HEADERS, `$1${HIDDEN}`)
    .replace(URL_CREDENTIALS, (_match, scheme: string, authority: string) => `${scheme}${hidePassword(authority)}@`)
    .replace(BROKEN_URL_CREDENTIALS, `$1${HIDDEN}@`)
    .replace(BARE_CREDENTIALS, `$1$2${HIDDEN}@`)
    .replace(AUTHORIZATION, `$1${HIDDEN}`)
    .replace(BEARER, `$1${HIDDEN}`)
    .replace(SECRET_PARAMETER, `$1${HIDDEN}`)
    .replace(QUOTED_FIELD, `$1${HIDDEN}`);
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
