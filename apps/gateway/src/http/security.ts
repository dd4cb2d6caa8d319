import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { hostnameOf, isLoopback } from './loopback';
import { type Middleware, pathOf, type Request, sendProblem } from './messages';
import { answerOf, HttpProblem } from './problem';

/** Everything else needs the token: a path that is spelt in another way is closed, not open. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/health/live', '/health/ready', '/metrics']);
const CHECK_PATH = /^\/api\/v1\/pipelines\/check\/?$/i;
const HEADERS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
};

/** Looks at a request before anything of it is read; throws `HttpProblem` to refuse it. */
type Guard = (req: Request) => void;

/**
 * The first thing every request meets, health and unknown routes included: an id, the security headers, then the guards.
 * With a token the token decides. Without one the listener is on loopback, where the user's own browser is the danger:
 * pages of other sites must neither read (DNS rebinding: Host) nor write (CSRF: Origin, media type).
 */
export function security(token: string | null): Middleware {
  const guards: readonly Guard[] = token === null ? [ownHost, ownOrigin, readableBody] : [bearer(token), readableBody];
  return (req, res, next) => {
    req.requestId = requestIdOf(req);
    res.setHeader('X-Request-Id', req.requestId);
    for (const [name, value] of Object.entries(HEADERS)) res.setHeader(name, value);
    try {
      for (const guard of guards) guard(req);
    } catch (error) {
      sendProblem(res, answerOf(error, req.requestId));
      return;
    }
    next();
  };
}

/** An id a client or proxy gave is kept if it can go into headers and logs as it is; else the request gets one. */
function requestIdOf(req: Request): string {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.-]{8,64}$/.test(given) ? given : randomUUID();
}

/** Digests are compared, so that neither the token's content nor its length shows in the time taken. */
function bearer(token: string): Guard {
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
  const wanted = digest(token);
  return (req) => {
    if (OPEN_PATHS.has(pathOf(req))) return;
    const given = /^Bearer +([^\s]+) *$/i.exec(req.headers.authorization ?? '')?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), wanted)) return;
    throw new HttpProblem(401, 'TOKEN_REQUIRED', 'send the header "Authorization: Bearer <API_TOKEN>"', {
      headers: { 'WWW-Authenticate': 'Bearer realm="elstream"' },
    });
  };
}

function ownHost(req: Request): void {
  const host = hostnameOf(req.headers.host);
  if (host !== null && isLoopback(host)) return;
  throw new HttpProblem(421, 'HOST_NOT_ALLOWED', 'without API_TOKEN only the hosts localhost, 127.0.0.1 and [::1] are answered');
}

/** Browsers name the page a request comes from; other clients send no such header. */
function ownOrigin(req: Request): void {
  if (isSafe(req)) return;
  const { origin } = req.headers;
  const site = req.headers['sec-fetch-site'];
  const foreign = origin !== undefined && origin.replace(/^https?:\/\//, '') !== req.headers.host;
  if (!foreign && (site === undefined || site === 'same-origin' || site === 'none')) return;
  throw new HttpProblem(403, 'ORIGIN_NOT_ALLOWED', 'without API_TOKEN pages of other origins may not change anything here');
}

/** A form can send only media types that need no preflight; none of them is read here. */
function readableBody(req: Request): void {
  const hasBody = req.headers['transfer-encoding'] !== undefined || (req.headers['content-length'] ?? '0') !== '0';
  if (isSafe(req) || !hasBody) return;
  const type = (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json' || (isYaml(type) && CHECK_PATH.test(pathOf(req)))) return;
  throw new HttpProblem(415, 'MEDIA_TYPE_UNSUPPORTED', 'send the body as application/json (a pipeline file to check also as application/yaml)');
}

/** Media types of YAML text; none of them can be sent by a form. */
export const YAML_TYPES = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml'];

function isYaml(type: string): boolean {
  return YAML_TYPES.includes(type);
}

function isSafe(req: Request): boolean {
  return req.method === 'GET' || req.method === 'HEAD' || req.method === 'OPTIONS';
}
