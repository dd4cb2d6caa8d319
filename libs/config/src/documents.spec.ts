import Ajv from 'ajv/dist/2020';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { pipelineJsonSchema, settingsDocuments } from './documents';
import { loadPipelineFile } from './pipeline-file';

const root = path.join(__dirname, '..', '..', '..');

describe('documents of the settings', () => {
  it.each([...settingsDocuments()])('docs/%s is what the schema says (npm run docs -w @elstream/config makes it anew)', (name, text) => {
    expect(readFileSync(path.join(root, 'docs', name), 'utf8')).toBe(text);
  });

  it('give every setting a default (or say that it is required), a unit and a help', () => {
    const page = settingsDocuments().get('settings.md') ?? '';
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.length).toBeGreaterThan(35);
    for (const row of rows) {
      const [, name, fallback, unit, help] = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
      expect([name, fallback, unit, help]).toEqual([name, expect.stringMatching(/./), expect.stringMatching(/./), expect.stringMatching(/\w{3}.*[.;]$|\w{3}.*\.$/)]);
    }
  });
});

describe('docs/pipeline.schema.json', () => {
  const check = new Ajv({ strict: false, allErrors: true }).compile(pipelineJsonSchema());

  it.each(['inventory.yaml', 'kafka/inventory.yaml', 'mssql/inventory.yaml'])('accepts the sample pipeline %s as it is written, references unresolved', (file) => {
    check(parse(readFileSync(path.join(root, 'pipelines', file), 'utf8')));
    expect(check.errors).toBeNull();
  });

  it('and the sample of SQL Server is one that can be started', () => {
    const env = { SOURCE_URL: 'mssql://sa:p@source:1433/testDB?encrypt=true&trustServerCertificate=true', WAREHOUSE_URL: 'mssql://sa:p@warehouse:1433/testDBWH', KAFKA_BROKERS: 'kafka:9092', CONNECT_URL: 'http://connect:8083' };
    expect(loadPipelineFile(path.join(root, 'pipelines', 'mssql', 'inventory.yaml'), env).config).toMatchObject({ source: { type: 'mssql' }, warehouse: { type: 'mssql' }, stream: { source: { host: 'source', port: 1433 } } });
  });

  it('accepts every way to write a quantity and a mask', () => {
    check({
      name: 'a',
      source: { url: '${A}', walLimitBytes: '10GiB', maxConnections: '${N:-4}' },
      warehouse: { url: '${B}', statementTimeoutMs: 5000 },
      tables: { include: ['public.*'], settings: [{ match: 'public.a', columns: { mask: { a: null, b: 'null', c: { hash: '${S}' } } } }] },
    });
    expect(check.errors).toBeNull();
  });

  it.each(['none', 'derived', 'copied', { kind: 'copied', table: 'old.a', target: { name: 'a_old' }, period: ['begun', 'ended'] }])('accepts the history %j', (history) => {
    check({ name: 'a', source: { url: 'x' }, warehouse: { url: 'y' }, tables: { include: ['a.b'], settings: [{ match: 'a.b', history }] }, validate: { every: 0, showValues: '${SHOW:-false}' } });
    expect(check.errors).toBeNull();
  });

  it.each([
    ['an unknown setting', { sourc: {} }],
    ['a number out of range', { source: { url: 'x', maxConnections: 0 } }],
    ['another history mode', { tables: { include: ['a.b'], settings: [{ match: 'a.b', history: 'versioned' }] } }],
  ])('refuses %s', (_name, part) => {
    const valid = { name: 'a', source: { url: 'x' }, warehouse: { url: 'y' }, tables: { include: ['a.b'] } };
    expect(check(valid)).toBe(true);
    expect(check({ ...valid, ...part })).toBe(false);
  });
});
