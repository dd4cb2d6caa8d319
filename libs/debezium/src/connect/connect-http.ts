import { backoffMs, ElstreamError, sleep } from '@elstream/core';
import { LIMITS, type ConnectClientOptions } from './connect-client-options';

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** Bodies of the statuses that mean an answer; all others are errors of `ConnectHttp`. */
const ANSWERS = [400, 404, 500];

/** Requests to Connect: one timeout each, rebalances waited out, failures told in our words. */
export class ConnectHttp {
  constructor(private readonly options: ConnectClientOptions) {}

  /**
   * Resolves with a success, or one of 400, 404 and 500.
   *
   * @throws ElstreamError CONNECT (retry): unreachable, too slow, still rebalancing; CONNECT_REFUSED (refuse): 401, 403 and other statuses
   */
  async ask(method: string, path: string, body?: string): Promise<HttpAnswer> {
    const { rebalanceMs = LIMITS.rebalanceMs, signal } = this.options;
    const deadline = Date.now() + rebalanceMs;
    for (let failures = 1; ; failures += 1) {
      const answer = await this.once(method, path, body);
      if (answer.status !== 409) return answer;
      if (Date.now() >= deadline || signal?.aborted) throw this.error('CONNECT', 'retry', `Connect at ${this.place} stays busy (${messageOf(answer.text)}); it is asked again`);
      await sleep(backoffMs(failures, LIMITS.backoff), signal);
    }
  }

  /** Its address without user and password. */
  get place(): string {
    return this.options.url.replace(/\/\/[^/@]*@/, '//');
  }

  private async once(method: string, path: string, body: string | undefined): Promise<HttpAnswer> {
    const { timeoutMs = LIMITS.timeoutMs, signal } = this.options;
    const timeout = AbortSignal.timeout(timeoutMs);
    let status: number;
    let text: string;
    try {
      const response = await fetch(`${this.options.url}/${path}`, {
        method,
        headers: this.headers(body !== undefined),
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
        redirect: 'error',
        ...(body === undefined ? {} : { body }),
      });
      status = response.status;
      text = await response.text();
    } catch (error) {
      const why = timeout.aborted ? `no answer within ${String(timeoutMs)} ms` : reasonOf(error);
      throw this.error('CONNECT', 'retry', `Kafka Connect at ${this.place} cannot be reached (${why}); check stream.connect and that the worker runs`, error);
    }
    // A worker that is just starting has a server without resources, which answers 404 to everything: nothing is absent because of that.
    if (status === 404 && !saidByConnect(text)) throw this.error('CONNECT', 'retry', `Kafka Connect at ${this.place} does not serve yet, or is none (HTTP 404 without a word of Connect's); it is asked again`);
    if ((status >= 200 && status < 300) || status === 409 || ANSWERS.includes(status)) return { status, text };
    if (status === 401 || status === 403) throw this.error('CONNECT_REFUSED', 'refuse', `Kafka Connect at ${this.place} does not let us in (HTTP ${String(status)}); check user and password of stream.connect`);
    const passing = status === 408 || status === 429 || status >= 500;
    throw this.error(passing ? 'CONNECT' : 'CONNECT_REFUSED', passing ? 'retry' : 'refuse', `Kafka Connect at ${this.place} answers ${method} ${path} with HTTP ${String(status)}`);
  }

  private headers(withBody: boolean): Record<string, string> {
    const { user, password } = this.options;
    return {
      accept: 'application/json',
      ...(withBody ? { 'content-type': 'application/json' } : {}),
      ...(user === undefined ? {} : { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`, 'utf8').toString('base64')}` }),
    };
  }

  private error(code: string, recovery: 'retry' | 'refuse', message: string, cause?: unknown): ElstreamError {
    return new ElstreamError(code, recovery, message, cause === undefined ? {} : { cause });
  }
}

/** What Connect says of an error; its first characters when it is not Connect that answers. */
export function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // No JSON: a proxy's page.
  }
  return text.slice(0, 200);
}

/** Errors of Connect's own carry `error_code`; those of its HTTP server, or of a proxy, do not. */
function saidByConnect(text: string): boolean {
  try {
    const said: unknown = JSON.parse(text);
    return typeof said === 'object' && said !== null && 'error_code' in said;
  } catch {
    return false;
  }
}

/** fetch hides the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
