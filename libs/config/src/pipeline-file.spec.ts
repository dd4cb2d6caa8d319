import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { checkPipelineText, ConfigError, loadPipelineDirectory, loadPipelineFile, loadPipelineText, publicationName, slotName } from './index';

const base = {
  name: 'shop',
  source: { url: 'postgres://app@src/shop' },
  warehouse: { url: 'postgres://app@wh/dwh' },
  tables: { include: ['public.*'] },
};

function problemsOf(text: string, env: Record<string, string> = {}): string[] {
  return checkPipelineText(text, 'p.yaml', env).problems.map((p) => `${p.setting} ${p.message}`);
}

/** Problems of the base file with `part` put over it, one level deep. */
const problemsWith = (part: object): string[] => problemsOf(stringify({ ...base, ...part }));
const withSetting = (setting: object, more: object = {}): string[] =>
  problemsWith({ tables: { include: ['public.*'], settings: [{ match: 'public.customers', ...setting }], ...more } });

describe('a pipeline file', () => {
  it('needs a name, two URLs and the tables; everything else has a default', () => {
    const { config } = loadPipelineText(stringify(base), {});
    expect(config).toMatchObject({
      source: { type: 'postgres', walLimitBytes: 10 * 2 ** 30, walLimitPolicy: 'drop', transactionWaitMs: 600_000 },
      tables: { exclude: [], settings: [] },
      defaults: { chunkRows: 50_000 },
      stream: { counterIntervalMs: 10_000 },
    });
    expect(config.warehouse.schema).toBeUndefined();
  });

  it('takes quantities as numbers, as sizes and durations, and from the environment', () => {
    const text = stringify({ ...base, source: { ...base.source, walLimitBytes: '1.5GiB', transactionWaitMs: '2 min', maxConnections: '${MAX}' } });
    expect(loadPipelineText(text, { MAX: '12' }).config.source).toMatchObject({ walLimitBytes: 1.5 * 2 ** 30, transactionWaitMs: 120_000, maxConnections: 12 });
  });

  it('reads masks in all their forms', () => {
    const mask = { a: null, b: 'null', c: { hash: '${SECRET}' } };
    const text = stringify({ ...base, tables: { include: ['public.*'], settings: [{ match: 'public.t', columns: { mask } }] } });
    const { config, warnings } = loadPipelineText(text, { SECRET: '0123456789abcdef' });
    expect(config.tables.settings[0]?.columns.mask).toEqual({ a: { kind: 'null' }, b: { kind: 'null' }, c: { kind: 'hash', secret: '0123456789abcdef' } });
    expect(warnings).toEqual([]);
  });

  it('names every problem at once, each with file, line, setting and remedy', () => {
    const text = ['name: Shop', 'source: { url: "${SRC}" }', 'warehouse:', '  url: mysql://x/y', '  maxConections: 3', 'tables: { include: [] }', 'stream: { lingerMs: soon }'].join('\n');
    let message = '';
    try {
      loadPipelineText(text, {}, 'pipelines/shop.yaml');
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', recovery: 'refuse' });
      message = (error as Error).message;
    }
    expect(message.split('\n').slice(1)).toEqual([
      '  - pipelines/shop.yaml:2: source.url refers to the environment variable SRC, which is not set; set it or write ${SRC:-default}',
      '  - pipelines/shop.yaml:1: name must be of a-z, 0-9 and -, at most 40 long',
      '  - pipelines/shop.yaml:4: warehouse.url must be a URL such as postgres://user:${PASSWORD}@host:5432/database or mssql://user:${PASSWORD}@host:1433/database',
      "  - pipelines/shop.yaml:5: warehouse.maxConections is not a setting; did you mean 'maxConnections'?",
      '  - pipelines/shop.yaml:6: tables.include must name at least one table or pattern',
      '  - pipelines/shop.yaml:7: stream.lingerMs must be a number of milliseconds or a duration such as 250ms, 10s or 5min, from 0 to 60000',
    ]);
  });

  it.each([
    ['nothing', '', 'is empty'],
    ['a list', '- a', 'must be a group of settings'],
    ['broken YAML', 'a: [', 'is no valid YAML'],
    ['a key given twice', 'name: a\nname: b', 'is no valid YAML'],
    ['two documents', 'name: a\n---\nname: b', 'several documents'],
    ['only a comment', '# nothing', 'is empty'],
    ['aliases that multiply', `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(20)}]\nc: [${'*b,'.repeat(20)}]`, 'aliases beyond measure'],
  ])('that holds %s is refused', (_name, text, message) => expect(problemsOf(text).join('\n')).toContain(message));

  it.each(['where', 'filter', 'rows', 'rowFilter'])('with the row filter %s is refused by name, with the reason', (name) => {
    expect(withSetting({ [name]: 'active' })).toEqual([expect.stringMatching(new RegExp(`^tables\\.settings\\[0\\]\\.${name} is refused: row filters are not offered`))]);
    expect(problemsWith({ tables: { include: ['a.b'], [name]: 'x' } })).toEqual([expect.stringContaining('row filters are not offered')]);
  });

  it('may have columns called like a row filter', () => expect(withSetting({ columns: { rename: { where: 'place', filter: 'sieve' } } })).toEqual([]));

  it.each([
    ['none', { kind: 'none' }],
    ['derived', { kind: 'derived', target: {} }],
    ['copied', { kind: 'copied', target: {} }],
    [{ kind: 'copied', table: 'old.customers', target: { schema: 'h', name: 'c' }, period: ['begun', 'ended'] }, { kind: 'copied', table: 'old.customers', target: { schema: 'h', name: 'c' }, period: ['begun', 'ended'] }],
  ])('takes the history %j', (history, expected) => {
    const { config } = loadPipelineText(stringify({ ...base, tables: { include: ['public.*'], settings: [{ match: 'public.customers', history }] } }), {});
    expect(config.tables.settings[0]?.history).toEqual(expected);
  });

  it.each([
    ['versioned', "history must be 'none', 'derived' or 'copied'"],
    [{ kind: 'none' }, 'history'],
    [{ kind: 'copied', table: 'no_schema' }, 'history'],
    [{ kind: 'copied', period: ['valid_from'] }, 'history'],
    [{ kind: 'derived', since: 1 }, 'history'],
  ])('refuses the history %j by name', (history, message) => expect(withSetting({ history }).join('\n')).toContain(`tables.settings[0].${message}`));

  it('may let validation run by itself, repair by itself and show values; by default it only runs', () => {
    expect(loadPipelineText(stringify(base), {}).config).toMatchObject({
      source: { schemaIntervalMs: 10_000 },
      deadLetters: { policy: 'park', limit: 1_000 },
      validate: { every: 1_800_000, mode: 'full', repair: 'manual', showValues: false },
    });
    const validate = { every: '1h', mode: 'changed', repair: 'auto', showValues: '${SHOW}', maxRowsPerSecond: 10_000 };
    expect(loadPipelineText(stringify({ ...base, validate }), { SHOW: 'true' }).config.validate).toMatchObject({ every: 3_600_000, mode: 'changed', repair: 'auto', showValues: true, maxRowsPerSecond: 10_000 });
  });

  it.each([
    ['source.url', { source: { url: 'postgres://a:pw@b/c' } }],
    ['source.readUrl', { source: { ...base.source, readUrl: 'postgres://a:pw@standby/c' } }],
    ['warehouse.url', { warehouse: { url: 'postgres://b/c?user=a&password=pw' } }],
    ['tables.settings[0].columns.mask.a.hash', { tables: { include: ['public.*'], settings: [{ match: 'public.t', columns: { mask: { a: { hash: '0123456789abcdef' } } } }] } }],
  ])('with a secret in clear in %s is accepted with a warning that does not repeat it', (setting, part) => {
    const { warnings } = loadPipelineText(stringify({ ...base, ...part }), {});
    expect(warnings.map((w) => w.setting)).toEqual([setting]);
    expect(JSON.stringify(warnings)).not.toMatch(/pw|0123456789abcdef/);
  });

  it('never repeats a secret in a problem', () => {
    const text = stringify({ ...base, source: { url: 'mysql://u:hunter2@h/d' }, tables: { include: ['public.*'], settings: [{ match: 'public.t', columns: { mask: { a: { hash: 'hunter2' } } } }] } });
    expect(problemsOf(text)).toHaveLength(2);
    expect(problemsOf(text).join()).not.toContain('hunter2');
  });
});

describe('contradictions in a pipeline file', () => {
  const tables = (part: object): object => ({ tables: { include: ['public.a', 'public.b*'], ...part } });
  it.each([
    ['a table included and excluded', tables({ exclude: ['public.a'] }), 'tables.include[0] names public.a, which tables.exclude[0] leaves out'],
    ['a table included and excluded by a pattern', tables({ exclude: ['*.a'] }), 'tables.include[0] names public.a, which tables.exclude[0] leaves out'],
    ['a table excluded that nothing includes', tables({ exclude: ['public.x'] }), 'tables.exclude[0] leaves out public.x, which nothing'],
    ['a table included twice', { tables: { include: ['public.a', '"public".a'] } }, 'tables.include[1] names "public".a a second time'],
    ['a setting of a table not included', tables({ settings: [{ match: 'public.x' }] }), 'tables.settings[0].match names public.x, which is not among'],
    ['two settings of one table', tables({ settings: [{ match: 'public.a' }, { match: 'public."a"' }] }), 'tables.settings[1].match names public.a, as does tables.settings[0]'],
    ['two settings of one pattern', tables({ settings: [{ match: 'public.*' }, { match: 'public.*' }] }), 'tables.settings[1].match names public.*, as does'],
    ['two settings of one target', tables({ settings: [{ match: 'public.a', target: { name: 't' } }, { match: 'public.b', target: { name: 't' } }] }), 'tables.settings[1].target gives the same target table'],
    ['a key for a pattern', tables({ settings: [{ match: 'public.*', key: ['id'] }] }), 'tables.settings[0].key belongs to one table'],
    ['a target name for a pattern', tables({ settings: [{ match: 'public.*', target: { name: 't' } }] }), 'tables.settings[0].target.name belongs to one table'],
    ['source and warehouse one database', { warehouse: { url: 'postgres://other@SRC:5432/shop' } }, 'warehouse.schema is missing, while source and warehouse are the same database'],
    ['a standby that is the source itself', { source: { url: base.source.url, readUrl: base.source.url.replace('://', '://reader@') } }, 'source.readUrl leads to the database of source.url itself; name a standby'],
    ['a standby that is the warehouse', { source: { url: base.source.url, readUrl: base.warehouse.url } }, 'source.readUrl leads to the warehouse'],
    ['a yes in another word', { validate: { showValues: 'yes' } }, 'validate.showValues must be true or false'],
    ['a sample of what has changed', { validate: { mode: 'changed', samplePercent: 5 } }, 'validate.samplePercent is without effect while validate.mode is changed'],
    ['a sample of validations that never start', { validate: { every: 0, samplePercent: 5 } }, 'validate.samplePercent is without effect while validate.every is 0'],
    ['a history table for a pattern', tables({ settings: [{ match: 'public.*', history: { kind: 'copied', table: 'public.h' } }] }), 'tables.settings[0].history.table belongs to one table'],
    ['a history target for a pattern', tables({ settings: [{ match: 'public.*', history: { kind: 'derived', target: { name: 'h' } } }] }), 'tables.settings[0].history.target.name belongs to one table'],
    ['more workers than connections', { preload: { workers: 9 } }, 'source.maxConnections is below the 11 that preload.workers (9) needs'],
  ])('%s is refused by name', (_name, part, message) => expect(problemsWith(part).join('\n')).toContain(message));

  it.each([
    ['a mask on a key column', { key: ['id'], columns: { mask: { id: null } } }, 'columns.mask.id masks a column of the key'],
    ['a key column left out', { key: ['id'], columns: { exclude: ['id'] } }, 'columns.exclude leaves out id, a column of the key'],
    ['a type for a key column', { key: ['id'], columns: { type: { id: 'text' } } }, 'columns.type.id changes the type of a column of the key'],
    ['a key column twice', { key: ['id', 'id'] }, 'key[1] repeats id'],
    ['an empty key', { key: [] }, 'key must name at least one column'],
    ['a column masked and left out', { columns: { exclude: ['a'], mask: { a: null } } }, 'columns.mask.a is set, but columns.exclude leaves'],
    ['a column renamed and left out', { columns: { exclude: ['a'], rename: { a: 'b' } } }, 'columns.rename.a is set, but columns.exclude leaves'],
    ['a column left out twice', { columns: { exclude: ['a', 'a'] } }, 'columns.exclude[1] repeats a'],
    ['two columns renamed to one name', { columns: { rename: { a: 'c', b: 'c' } } }, 'columns.rename.a gives the name c, as does columns.rename.b'],
    ['a column renamed to itself', { columns: { rename: { a: 'a' } } }, 'columns.rename.a renames the column to its own name'],
    ['another type for a hashed column', { columns: { mask: { a: { hash: '0123456789abcdef' } }, type: { a: 'bytea' } } }, 'columns.type.a must be text'],
    ['a short hash secret', { columns: { mask: { a: { hash: 'short' } } } }, 'columns.mask.a.hash must be at least 16'],
    ['a type that is more than a type', { columns: { type: { a: 'int); DROP TABLE x' } } }, 'columns.type.a must be a column type'],
    ['a source table of derived history', { history: { kind: 'derived', table: 'public.h' } }, 'history.table names a history table of the source, which derived history does not read'],
    ['a period of one column', { history: { kind: 'derived', period: ['a', 'a'] } }, 'history.period names a twice'],
    ['a period column left out', { history: { kind: 'derived', period: ['a', 'b'] }, columns: { exclude: ['a'] } }, 'columns.exclude leaves out a, which history.period names'],
    ['a period column masked', { history: { kind: 'derived', period: ['a', 'b'] }, columns: { mask: { b: null } } }, 'columns.mask.b masks a column that history.period names'],
    ['a period column of another type', { history: { kind: 'derived', period: ['a', 'b'] }, columns: { type: { b: 'text' } } }, 'columns.type.b changes the type of a column that history.period names'],
    ['a tiny chunk', { chunkRows: 99 }, 'chunkRows must be a whole number, from 100 to'],
    ['a target name too long', { target: { name: 'ü'.repeat(32) } }, 'target.name must be a name of 1 to 63 bytes'],
  ])('%s is refused by name', (_name, setting, message) => expect(withSetting(setting).join('\n')).toContain(message));

  it('source and warehouse may be one database when the targets have a schema of their own', () => {
    expect(problemsWith({ warehouse: { url: base.source.url, schema: 'copy' } })).toEqual([]);
  });

  it('a column called like a method of every object is a column like others', () => {
    expect(withSetting({ key: ['constructor'], columns: { exclude: ['toString'] } })).toEqual([]);
  });
});

describe('a folder of pipeline files', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-config-'))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (files: Record<string, object | string>): void => {
    for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), typeof content === 'string' ? content : stringify(content));
  };
  const load = (): readonly string[] => loadPipelineDirectory(folder, {}).map((p) => p.config.name);

  it('is read in the order of names; other files are passed over', () => {
    write({ 'b.yaml': { ...base, name: 'b' }, 'a.yml': { ...base, name: 'a' }, 'README.md': 'x' });
    expect(load()).toEqual(['a', 'b']);
  });

  it('may be empty, but not missing', () => {
    expect(load()).toEqual([]);
    expect(() => loadPipelineDirectory(path.join(folder, 'none'), {})).toThrow('cannot be read (ENOENT); set PIPELINES_DIR');
    expect(() => loadPipelineFile(path.join(folder, 'none.yaml'), {})).toThrow('cannot be read (ENOENT); correct the path');
  });

  it('is refused with the problems of all files at once', () => {
    write({ 'a.yaml': { ...base, name: 'A' }, 'b.yaml': { ...base, name: 'B' } });
    expect(load).toThrow(/a\.yaml:1: name must be[^]*b\.yaml:1: name must be/);
  });

  const exact = (name: string, part: object = {}): object => ({ ...base, name, tables: { include: [`public.${name}`] }, ...part });
  it.each([
    ['one name', exact('a'), exact('a'), /b\.yaml: name is the name a as in .*a\.yaml/],
    ['one slot of one server', exact('a', { stream: { slotName: 's' } }), exact('b', { stream: { slotName: 's' }, source: { url: 'postgres://x@SRC:5432/other' } }), /stream\.slotName is the slot s of the same server/],
    ['one publication of one database', exact('a', { stream: { publicationName: 'p' } }), exact('b', { stream: { publicationName: 'p' } }), /stream\.publicationName is the publication p/],
    ['one history table', exact('a', { tables: { include: ['public.a'], settings: [{ match: 'public.a', history: 'derived' }] } }), exact('b', { tables: { include: ['public.a_archive'] } }), /tables writes public\.a_archive into the same target table as in/],
    ['one target table', exact('a'), exact('b', { tables: { include: ['public.b'], settings: [{ match: 'public.b', target: { name: 'a' } }] } }), /tables writes public\.b into the same target table as in/],
  ])('is refused when two pipelines share %s', (_name, a, b, message) => {
    write({ 'a.yaml': a, 'b.yaml': b });
    expect(load).toThrow(message);
  });

  it('takes the same slot name on two servers', () => {
    write({ 'a.yaml': exact('a', { stream: { slotName: 's' } }), 'b.yaml': exact('b', { stream: { slotName: 's' }, source: { url: 'postgres://other/shop' } }) });
    expect(load()).toEqual(['a', 'b']);
  });
});

describe('names at the source', () => {
  it('are made from the pipeline name, fit, and never meet', () => {
    const of = (name: string, stream = {}) => loadPipelineText(stringify({ ...base, name, stream }), {}).config;
    expect([slotName(of('my-shop')), publicationName(of('my-shop'))]).toEqual(['elstream_my_shop', 'elstream_my_shop']);
    expect(slotName(of('a'.repeat(40))).length).toBeLessThanOrEqual(63);
    expect([slotName(of('a', { slotName: 's' })), publicationName(of('a', { publicationName: 'p' }))]).toEqual(['s', 'p']);
  });
});
