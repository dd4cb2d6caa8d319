import { STATUS_CODES } from 'node:http';
import { ElstreamError, type ErrorPlace } from '@elstream/core';
import { redactText } from '@elstream/observability';

export const PROBLEM_TYPE = 'application/problem+json';

/** A problem document (RFC 9457). `code` is stable and for machines, `detail` is for people and says what to do next. */
export interface Problem extends ErrorPlace {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Names this occurrence; the same id is in the log and in the header X-Request-Id. */
  readonly instance: string;
  readonly code: string;
  /** The run that stands in the way, where one does. */
  readonly runId?: string;
  /** What is wrong with the request, one entry per field. */
  readonly errors?: readonly FieldError[];
}

export interface FieldError {
  /** Dotted path into the body, or the name of the query or path parameter. */
  readonly path: string;
  readonly message: string;
}

/** A refusal the gateway itself decides on, with its HTTP status. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly extra: { readonly errors?: readonly FieldError[]; readonly place?: ErrorPlace; readonly runId?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
  }
}

/** Codes that have a status of their own; all others follow from the error's recovery. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  PIPELINE_UNKNOWN: 404,
  RUN_UNKNOWN: 404,
  TABLE_UNKNOWN: 404,
  TABLE_UNMAPPED: 404,
  DEAD_LETTER_UNKNOWN: 404,
  SCHEMA_CHANGE_UNKNOWN: 404,
  RUN_ACTIVE: 409,
  TABLE_NOT_LIVE: 409,
  NOTHING_TO_REPAIR: 409,
  NOTHING_TO_REPLAY: 409,
  SCHEMA_CHANGE_DECIDED: 409,
  CONNECTOR_MISSING: 404,
  CONNECTOR_NONE: 409,
  CONNECTOR_LOST: 409,
  PIPELINE_UNPREPARED: 409,
};

const CODE_OF_STATUS: Readonly<Record<number, string>> = {
  400: 'REQUEST_INVALID',
  404: 'ROUTE_UNKNOWN',
  405: 'METHOD_NOT_ALLOWED',
  413: 'BODY_TOO_LARGE',
  415: 'MEDIA_TYPE_UNSUPPORTED',
};

/** What is answered, and whether the log shall hold the error too (`unexpected`: nobody foresaw it). */
export interface Answer {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  readonly unexpected: boolean;
}

/**
 * Any thrown thing → problem document. Only messages written for people are shown: those of `ElstreamError` and of the
 * gateway. What a library threw may hold SQL, paths or values, so of it only the status is used (R10).
 */
export function answerOf(error: unknown, requestId: string): Answer {
  if (error instanceof HttpProblem) {
    const { errors, place, runId, headers = {} } = error.extra;
    const extra = { ...place, ...(runId === undefined ? {} : { runId }), ...(errors === undefined ? {} : { errors }) };
    return { problem: problemOf({ status: error.status, code: error.code, detail: error.message }, requestId, extra), headers, unexpected: false };
  }
  if (error instanceof ElstreamError) {
    const status = STATUS_OF_CODE[error.code] ?? statusOfRecovery(error);
    const headers: Record<string, string> = status === 503 ? { 'Retry-After': '5' } : {};
    return { problem: problemOf({ status, code: error.code, detail: error.message }, requestId, error.place), headers, unexpected: status >= 500 };
  }
  const status = clientStatus(error);
  if (status !== null) {
    const code = CODE_OF_STATUS[status] ?? 'REQUEST_INVALID';
    return { problem: problemOf({ status, code, detail: detailOfStatus(status) }, requestId, {}), headers: {}, unexpected: false };
  }
  const detail = 'something failed that was not foreseen; the log holds it under the id in "instance"';
  return { problem: problemOf({ status: 500, code: 'INTERNAL', detail }, requestId, {}), headers: {}, unexpected: true };
}

function problemOf(what: { readonly status: number; readonly code: string; readonly detail: string }, requestId: string, extra: Partial<Problem>): Problem {
  return {
    type: `urn:elstream:problem:${what.code.toLowerCase().replaceAll('_', '-')}`,
    title: STATUS_CODES[what.status] ?? 'Error',
    status: what.status,
    detail: redactText(what.detail),
    instance: instanceOf(requestId),
    code: what.code,
    ...extra,
  };
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Ids that clients give need be no UUID. */
function instanceOf(requestId: string): string {
  return UUID.test(requestId) ? `urn:uuid:${requestId}` : `urn:elstream:request:${requestId}`;
}

function statusOfRecovery(error: ElstreamError): number {
  switch (error.recovery) {
    case 'retry':
      return 503;
    case 'park':
    case 'stop':
      return 500;
    case 'refuse':
      return 422;
    case 'lost':
      return 409;
  }
  return error.recovery satisfies never;
}

/** The 4xx status a library error (Nest's HttpException, body parser) carries, or null. */
function clientStatus(error: unknown): number | null {
  if (typeof error !== 'object' || error === null) return null;
  const own: unknown = 'getStatus' in error && typeof error.getStatus === 'function' ? error.getStatus() : 'status' in error ? error.status : null;
  return typeof own === 'number' && own >= 400 && own < 500 ? own : null;
}

function detailOfStatus(status: number): string {
  switch (status) {
    case 404:
      return 'no such route; /api/docs lists all';
    case 413:
      return 'the body is larger than 1 MiB';
    case 415:
      return 'the body has a type, charset or encoding that is not read here; send UTF-8 JSON as application/json';
    default:
      return 'the request cannot be read; check that its body is valid JSON and its path is well encoded';
  }
}
