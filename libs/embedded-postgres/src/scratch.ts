import { accessSync, constants, realpathSync } from 'node:fs';
import os from 'node:os';
import { type Account, canReach } from './account';

/** Folders, best first, in which we may make files that `account` can reach. /var/tmp outlives a reboot, /tmp need not. */
export function scratchBases(account: Account | undefined): string[] {
  const candidates = process.platform === 'win32' ? [os.tmpdir()] : ['/var/tmp', os.tmpdir(), '/tmp'];
  const usable = candidates.flatMap((folder) => {
    try {
      accessSync(folder, constants.W_OK | constants.X_OK);
      const real = realpathSync(folder);
      return canReach(real, account) ? [real] : [];
    } catch {
      // Absent or closed to us: not a candidate.
      return [];
    }
  });
  return [...new Set(usable)];
}
