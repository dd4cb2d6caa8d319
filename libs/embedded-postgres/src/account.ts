import { type Stats, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { errnoOf } from './failure';

/** An operating-system account by number. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root; then it runs as one of these, whichever exists first. */
const unprivileged = ['postgres', 'nobody'];

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** What is at `at`; undefined when there is nothing, or can be nothing because an ancestor is a file. */
export function statOf(at: string): Stats | undefined {
  try {
    return statSync(at, { throwIfNoEntry: false });
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The accounts of a passwd file: name → numbers. Negative ids (macOS `nobody`) become their unsigned form. */
export function parsePasswd(text: string): Map<string, Account> {
  const accounts = new Map<string, Account>();
  for (const line of text.split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (!name || name.startsWith('#') || !uid || !gid) continue;
    accounts.set(name, { name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 });
  }
  return accounts;
}

/**
 * The account the server must run as; undefined: ours. A data folder that already belongs to somebody unprivileged keeps
 * its owner, so that a cluster made by an ordinary user can be started by root and go back.
 */
export function chooseAccount(dataDir: string): Account | undefined {
  if (!isRoot()) return undefined;
  const owner = statOf(dataDir);
  if (owner && owner.uid !== 0) return { name: `uid ${String(owner.uid)}`, uid: owner.uid, gid: owner.gid };
  const accounts = parsePasswd(readFileSync('/etc/passwd', 'utf8'));
  for (const name of unprivileged) {
    const account = accounts.get(name);
    if (account && account.uid !== 0) return account;
  }
  return { name: 'uid 65534', uid: 65534, gid: 65534 };
}

function permits(stat: { mode: number; uid: number; gid: number }, account: Account, bit: 1 | 2 | 4): boolean {
  if (stat.uid === account.uid) return (stat.mode & (bit << 6)) !== 0;
  if (stat.gid === account.gid) return (stat.mode & (bit << 3)) !== 0;
  return (stat.mode & bit) !== 0;
}

/** Whether `account` may walk down to `folder`: search permission on it and on every ancestor that exists. */
export function canReach(folder: string, account: Account | undefined): boolean {
  if (!account) return true;
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const stat = statOf(at);
    // A file in the way is for the folder's making to complain of.
    if (stat?.isDirectory() && !permits(stat, account, 1)) return false;
    if (at === path.dirname(at)) return true;
  }
}
