import { chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { canReach, parsePasswd } from './account';
import { scratchFolder } from './embedded-postgres.fixture';

describe('parsePasswd', () => {
  it('reads names and numbers, comments and negative ids as some systems have them', () => {
    const accounts = parsePasswd('# comment\nroot:x:0:0:root:/:/bin/sh\nnobody:*:-2:-2::/var/empty:/usr/bin/false\nbroken\n');
    expect([...accounts.values()]).toEqual([
      { name: 'root', uid: 0, gid: 0 },
      { name: 'nobody', uid: 4294967294, gid: 4294967294 },
    ]);
  });
});

describe('canReach', () => {
  const stranger = { name: 'stranger', uid: 54321, gid: 54321 };

  it.each([
    [0o755, true],
    [0o711, true],
    [0o700, false],
    [0o750, false],
    [0o744, false],
  ])('through a folder of mode %o a stranger may pass: %s', (mode, expected) => {
    using folder = scratchFolder();
    chmodSync(folder.path, 0o755);
    const gate = path.join(folder.path, 'gate');
    mkdirSync(path.join(gate, 'inner'), { recursive: true });
    chmodSync(path.join(gate, 'inner'), 0o755);
    chmodSync(gate, mode);
    expect(canReach(path.join(gate, 'inner'), stranger)).toBe(expected);
    expect(canReach(path.join(gate, 'not', 'yet', 'there'), stranger)).toBe(expected);
    expect(canReach(path.join(gate, 'inner'), undefined)).toBe(true);
  });
});
