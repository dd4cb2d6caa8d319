import { readdirSync } from 'node:fs';
import { Program, varFolder } from '../process.fixture';

const SMALL = ['--rows', '5000', '--seconds', '2'];

interface Result {
  readonly demo: string;
  readonly tables: Readonly<Record<string, { readonly source: number; readonly warehouse: number }>>;
  readonly preloadedRows: number;
  readonly changesApplied: number;
  readonly differences: number;
}

const lastLine = (program: Program): Result => JSON.parse(program.stdout.trimEnd().split('\n').at(-1) ?? '') as Result;

/** What a failed demonstration leaves for people; everything else is gone. */
const logsOnly = (folder: string): boolean => readdirSync(folder).every((name) => name.endsWith('.log'));

describe('npm run demo', () => {
  it('finds both sides equal, ends with one line of JSON and leaves nothing behind', async () => {
    using dir = varFolder();
    const program = new Program('demo/main.ts', SMALL, { VAR_DIR: dir.folder });
    const { code } = await program.exited;
    const last = `${program.stdout}${program.stderr}`;
    expect([code, last]).toEqual([0, expect.stringContaining('Both sides are equal')]);
    const result = lastLine(program);
    expect(result).toMatchObject({ demo: 'ok', seconds: expect.any(Number), changesDuringPreload: expect.any(Number), keyMovesDuringPreload: expect.any(Number), differences: 0, found: 4, repaired: 4, parked: 1, replayed: 1 });
    expect(Object.keys(result.tables).sort()).toEqual(['customers', 'orders', 'products', 'products_on_hand']);
    for (const { source, warehouse } of Object.values(result.tables)) expect(warehouse).toBe(source);
    expect(result.preloadedRows).toBeGreaterThan(4_500);
    expect(result.changesApplied).toBeGreaterThan(0);
    expect(readdirSync(dir.folder)).toEqual([]);
  }, 120_000);

  it('with --damage-after fails: both comparisons find the row', async () => {
    using dir = varFolder();
    const program = new Program('demo/main.ts', [...SMALL, '--damage-after'], { VAR_DIR: dir.folder });
    expect((await program.exited).code).toBe(1);
    expect(lastLine(program)).toMatchObject({ demo: 'failed', differences: 1 });
    expect(program.stdout).toMatch(/✘ customers/);
    expect(program.stdout).toMatch(/own comparison .* 1 difference, 0 unsettled\n\s+unequal inventory\.customers id=\d+ \(last_name\)/);
    expect(logsOnly(dir.folder)).toBe(true);
  }, 120_000);

  it('cleans up after Ctrl-C and says so', async () => {
    using dir = varFolder();
    const program = new Program('demo/main.ts', SMALL, { VAR_DIR: dir.folder });
    await program.says(/a writer in a process of its own/);
    expect((await program.end('SIGINT')).code).toBe(1);
    expect(lastLine(program)).toMatchObject({ demo: 'failed', error: 'stopped by SIGINT' });
    expect(logsOnly(dir.folder)).toBe(true);
  }, 120_000);
});
