import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { scratchFolder } from './servers.fixture';
import { fillCache } from './tool-cache';

describe('fillCache', () => {
  const write = (text: string) => (draft: string) => {
    writeFileSync(path.join(draft, 'program'), text);
    return Promise.resolve();
  };

  it('fetches once for all who ask at the same time', async () => {
    using folder = scratchFolder();
    const program = path.join(folder.path, 'tool', 'program');
    const made: number[] = [];
    const ask = (n: number): Promise<string> =>
      fillCache(folder.path, 'tool', (draft) => (made.push(n), write(String(n))(draft)), () => Promise.resolve(existsSync(program)));
    expect(new Set(await Promise.all([ask(1), ask(2), ask(3)]))).toEqual(new Set([path.join(folder.path, 'tool')]));
    expect(made).toHaveLength(1);
    expect(readFileSync(program, 'utf8')).toBe(String(made[0]));
  });

  it('replaces one that does not work, and clears away what a killed process left', async () => {
    using folder = scratchFolder();
    for (const name of ['tool', 'tool.draft-left']) mkdirSync(path.join(folder.path, name));
    await fillCache(folder.path, 'tool', write('new'), () => Promise.resolve(false));
    expect(readdirSync(folder.path)).toEqual(['tool']);
    expect(readFileSync(path.join(folder.path, 'tool', 'program'), 'utf8')).toBe('new');
  });

  it('leaves nothing behind when the fetching fails, and lets the next one try', async () => {
    using folder = scratchFolder();
    const never = (): Promise<boolean> => Promise.resolve(false);
    await expect(fillCache(folder.path, 'tool', () => Promise.reject(new Error('no network')), never)).rejects.toThrow('no network');
    expect(readdirSync(folder.path)).toEqual([]);
    await fillCache(folder.path, 'tool', write('new'), never);
    expect(readdirSync(folder.path)).toEqual(['tool']);
  });
});
