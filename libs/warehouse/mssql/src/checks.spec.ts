import { problemsOf, type ServerFacts } from './checks';

const fine: ServerFacts = { version: 16, edition: 3, updateability: 'READ_WRITE', level: 160, row_versions: true, database: 'ware]house' };

describe('what is wrong with a SQL Server warehouse', () => {
  it.each<readonly [string, Partial<ServerFacts>, RegExp | null]>([
    ['nothing', {}, null],
    ['nothing: 2019', { version: 15, level: 150 }, null],
    ['nothing: a managed server, whose version says nothing', { version: 12, edition: 5 }, null],
    ['nothing: readers that wait for batches', { row_versions: false }, null],
    ['an old server', { version: 14 }, /older than SQL Server 2019; upgrade/],
    ['an old compatibility level', { level: 120 }, /level 120.*ALTER DATABASE \[ware\]\]house\] SET COMPATIBILITY_LEVEL = 150/],
    ['a secondary', { updateability: 'READ_ONLY' }, /read-only.*primary/],
  ])('%s', (_what, facts, problem) => {
    expect(problemsOf({ ...fine, ...facts })).toEqual(problem === null ? [] : [expect.stringMatching(problem)]);
  });
});
