import { type CheckDatabases, createPipelineChecker } from './pipeline-check';

const SECRET = 'S3cr3t-of-the-gateway';
const ENV = { SOURCE_URL: 'postgres://app:pw1@source/shop', WAREHOUSE_URL: 'postgres://wh:pw2@warehouse/dwh', API_TOKEN: SECRET, MASK_KEY: 'a-key-of-at-least-16' };
const GOOD = `
name: shop
source: { url: '\${SOURCE_URL}' }
warehouse: { url: '\${WAREHOUSE_URL}' }
tables: { include: [public.orders] }
`;

/** Databases that answer as told; `asked` holds the URLs that would be connected to. */
function databases(problems: readonly string[] = []): CheckDatabases & { readonly asked: string[] } {
  const asked: string[] = [];
  const check: CheckDatabases = ({ source, warehouse }) => {
    asked.push(source.url, warehouse.url);
    return Promise.resolve(problems);
  };
  return Object.assign(check, { asked });
}

test('a good file is valid, and nothing is connected to unless asked', async () => {
  const db = databases();
  expect(await createPipelineChecker(ENV, db)(GOOD, { connect: false })).toEqual({ valid: true, pipeline: 'shop', problems: [], warnings: [] });
  expect(db.asked).toEqual([]);
});

test.each([
  ['a misspelt setting', GOOD.replace('tables:', 'table:'), 'table'],
  ['a missing variable', GOOD.replace('SOURCE_URL', 'NOT_SET'), 'source.url'],
  ['a row filter', GOOD.replace('include:', "where: 'id > 5', include:"), 'tables.where'],
])('%s is named with its setting and line', async (_what, yaml, setting) => {
  const { valid, problems } = await createPipelineChecker(ENV, databases())(yaml, { connect: true });
  expect(valid).toBe(false);
  expect(problems).toContainEqual({ setting, line: expect.any(Number), message: expect.stringMatching(/./) });
});

test('text that is no YAML is a problem of the file', async () => {
  const { problems } = await createPipelineChecker(ENV, databases())('a: [', { connect: false });
  expect(problems[0]?.setting).toBeNull();
});

test('with connect both databases are asked, and their complaints are listed without passwords', async () => {
  const db = databases(['source: wal_level is replica; set it to logical', `warehouse: cannot reach ${ENV.WAREHOUSE_URL}`]);
  const answer = await createPipelineChecker(ENV, db)(GOOD, { connect: true });
  expect(answer.valid).toBe(false);
  expect(answer.problems[0]).toEqual({ setting: null, line: null, message: 'source: wal_level is replica; set it to logical' });
  expect(JSON.stringify(answer)).not.toMatch(/pw[12]/);
  expect(db.asked).toEqual([ENV.SOURCE_URL, ENV.WAREHOUSE_URL]);
});

describe('references do not show the environment', () => {
  test.each([
    ['in the name', GOOD.replace('name: shop', 'name: ${LOWER}')],
    ['in a table', GOOD.replace('public.orders', '"public.${API_TOKEN}"')],
    ['in a part of a url', GOOD.replace("'${SOURCE_URL}'", "'postgres://u:${API_TOKEN}@evil.example/x'")],
    ['in a url beside text that only looks like a setting', GOOD.replace("'${SOURCE_URL}'", '"postgres://evil.example/x?y=${API_TOKEN}"')],
    ['where a type does not fit', GOOD.replace('tables: {', 'preload: { workers: "${API_TOKEN}" }\ntables: {')],
  ])('%s', async (_where, yaml) => {
    const env = { ...ENV, LOWER: 'lower-secret' };
    for (const connect of [false, true]) {
      const db = databases();
      const answer = await createPipelineChecker(env, db)(yaml, { connect });
      expect(JSON.stringify(answer)).not.toMatch(/S3cr3t|lower-secret/i);
      expect(db.asked).toEqual([]);
      expect(connect && answer.valid).toBe(false);
    }
  });

  test('the key of a mask may be one', async () => {
    const yaml = GOOD.replace('tables: { include: [public.orders] }', "tables: { include: [public.orders], settings: [{ match: public.orders, columns: { mask: { email: { hash: '${MASK_KEY}' } } } }] }");
    const db = databases();
    await createPipelineChecker(ENV, db)(yaml, { connect: true });
    expect(db.asked).toHaveLength(2);
  });
});
