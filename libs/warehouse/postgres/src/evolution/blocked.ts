import { ElstreamError } from '@elstream/core';

/**
 * What the server refuses to alter or drop becomes a refusal that names what stands in the way: its DETAIL lists the
 * dependent objects (and never a value of a row). Passing faults go on as they are.
 */
export async function orBlocked<T>(code: string, what: { readonly doing: string; readonly table: string; readonly remedy: string }, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    const server = serverError(error);
    if (server === null || !BLOCKING.some((state) => server.code.startsWith(state))) throw error;
    const detail = server.detail === undefined || /^2[23]/.test(server.code) ? '' : ` (${server.detail.replaceAll('\n', '; ')})`;
    // the text of a data exception quotes the value
    const why = /^2[23]/.test(server.code) ? `a value does not fit [SQLSTATE ${server.code}]` : `${server.message}${detail}`;
    throw new ElstreamError(code, 'refuse', `${what.doing}: ${why}; ${what.remedy}`, { place: { table: what.table } });
  }
}

/** Dependent objects, features not supported, wrong object or syntax for the new type, missing privilege, values that cannot be cast. */
const BLOCKING = ['2BP01', '0A000', '42', '22', '23', '55000'];

/** A value does not fit the new type, or the types know no cast. */
export function isMisfit(error: unknown): boolean {
  return /^(22|42846|42804)/.test(serverError(error)?.code ?? '');
}

interface ServerError {
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
}

function serverError(error: unknown): ServerError | null {
  for (let current: unknown = error, depth = 0; typeof current === 'object' && current !== null && depth < 4; depth += 1) {
    const candidate = current as { code?: unknown; message?: unknown; detail?: unknown; driverError?: unknown; cause?: unknown };
    if (typeof candidate.code === 'string' && /^[0-9A-Z]{5}$/.test(candidate.code) && typeof candidate.message === 'string') {
      return { code: candidate.code, message: candidate.message, ...(typeof candidate.detail === 'string' ? { detail: candidate.detail } : {}) };
    }
    current = candidate.driverError ?? candidate.cause;
  }
  return null;
}
