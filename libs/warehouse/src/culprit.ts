import { recoveryOf } from '@elstream/core';

/**
 * Bisection (R7): the first row that alone makes `attempt` fail permanently, or null if every row passes alone (then
 * the fault lies in their combination or has gone). At most about 2·log2(n) attempts.
 */
export async function locateCulprit<R>(rows: readonly R[], attempt: (rows: readonly R[]) => Promise<void>): Promise<R | null> {
  if (!(await fails(rows, attempt))) return null;
  let suspects = rows;
  while (suspects.length > 1) {
    const half = suspects.slice(0, Math.ceil(suspects.length / 2));
    suspects = (await fails(half, attempt)) ? half : suspects.slice(half.length);
  }
  const [only] = suspects;
  return only !== undefined && (await fails(suspects, attempt)) ? only : null;
}

async function fails<R>(rows: readonly R[], attempt: (rows: readonly R[]) => Promise<void>): Promise<boolean> {
  try {
    await attempt(rows);
    return false;
  } catch (error) {
    if (recoveryOf(error) === 'retry') throw error;
    return true;
  }
}
