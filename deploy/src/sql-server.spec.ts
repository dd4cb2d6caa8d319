import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { NOT_PARSED, tsqlProblems } from '@elstream/testing';
import { commentless, codeTexts, fencedBlocks, rightsIn, section, sqlBatches } from './sql-server';

const root = path.join(__dirname, '..', '..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const PAGE = 'docs/sql-server.md';
const page = read(PAGE);
const scripts = readdirSync(path.join(root, 'sql', 'mssql')).filter((file) => file.endsWith('.sql'));
const script = (file: string): string => read(`sql/mssql/${file}`);
/** What the server is asked and told: the programs' own texts. */
const code = codeTexts(root, ['libs/source/mssql/src', 'libs/change-stream/mssql/src', 'libs/warehouse/mssql/src', 'libs/database/src/mssql']);
const golden = (project: string): string => codeTexts(root, [`libs/${project}/src/golden`], '.sql');

describe('every statement of the scripts and of docs/sql-server.md, by the grammar', () => {
  const LINK = /https:\/\/learn\.microsoft\.com\/sql\/\S+/;
  const ofScripts = scripts.flatMap((file) => sqlBatches(script(file)).map((sql, i) => ({ name: `${file}, batch ${String(i + 1)}`, sql, link: LINK.exec(sql)?.[0] })));
  const ofPage = fencedBlocks(page, 'sql').flatMap(({ text, line, before }) => sqlBatches(text).map((sql) => ({ name: `${PAGE}:${String(line)}`, sql, link: /beyond the grammar: (\S+)/.exec(before)?.[1] })));
  const found = tsqlProblems([...ofScripts, ...ofPage].map(({ sql }) => sql)).map((problems, i) => ({ problems, ...(i < ofScripts.length ? ofScripts[i]! : ofPage[i - ofScripts.length]!) }));
  const beyond = found.filter(({ problems }) => problems.some((problem) => problem.startsWith(NOT_PARSED)));
  const within = found.filter((statement) => !beyond.includes(statement));

  it.each(within.map(({ name, problems }) => [name, problems] as const))('%s is T-SQL', (_name, problems) => {
    expect(problems).toEqual([]);
  });

  // By name, so that everybody sees which were looked over by people alone.
  it.each(beyond.map(({ name, link, problems }) => [name, link, problems] as const))('%s COULD NOT BE PARSED, it is documented at %s', (_name, link, problems) => {
    expect(link).toMatch(LINK);
    expect(problems).toHaveLength(1);
  });

  it('are marked as beyond it on the page only where they are', () => {
    expect(within.filter(({ name, link }) => name.startsWith(PAGE) && link !== undefined).map(({ name }) => name)).toEqual([]);
  });
});

describe('rights', () => {
  it.each(rightsIn(code))('%s, which the programs ask for, is in grants.sql and on the page', (right) => {
    for (const text of [script('grants.sql'), section(page, '### 3. Login and rights') + section(page, '## SQL Server as warehouse')]) expect(text.replace(/\s+/g, ' ')).toContain(right);
  });

  it('are found in the programs at all', () => {
    expect(rightsIn(code)).toEqual(expect.arrayContaining(['VIEW SERVER STATE', 'VIEW DATABASE STATE', 'VIEW ANY DATABASE', 'UNMASK', 'CREATE SCHEMA', 'CREATE TABLE', 'CREATE FUNCTION', 'SELECT, INSERT, UPDATE, DELETE']));
  });

  it('are spelled in grants.sql as capture tells them to a DBA', () => {
    const bare = commentless(script('grants.sql'));
    for (const statement of [...golden('change-stream/mssql').matchAll(/^(?:GRANT|ALTER ROLE) .*(?= \[(?:[^\]]|\]\])+\];$)/gm)].map(([text]) => text.replace("[se]]l].[o'rd]]er]", '[dbo].[orders]').replace("[ro'le]]]", '[elstream_cdc]'))) {
      // single tables are named in a comment, in whose place stands the role
      expect(statement.includes('[dbo].[orders]') ? script('grants.sql') : bare).toContain(statement);
    }
  });

  it('are given in the two databases that grants.sql names, and nowhere else', () => {
    const [, batch = ''] = sqlBatches(script('grants.sql'));
    const refusal = batch.indexOf('IF DB_ID() NOT IN (ISNULL(DB_ID(@source_database), 0), ISNULL(DB_ID(@warehouse_database), 0))');
    expect(refusal).toBeGreaterThan(0);
    for (const change of ['CREATE USER', 'CREATE ROLE', 'ALTER ROLE', 'GRANT ']) expect(batch.indexOf(change)).toBeGreaterThan(batch.indexOf('RETURN;', refusal));
  });

  it('of the warehouse are the same in grants.sql and on the page', () => {
    const rights = (sql: string): string[] => [...sql.matchAll(/GRANT ((?:(?! (?:ON SCHEMA|TO) ?)[^;])+)(?=(?: ON SCHEMA.*?)? TO)/g)].map(([, right = '']) => right).sort();
    const bare = commentless(script('grants.sql'));
    const granted = rights(bare.slice(bare.lastIndexOf('ELSE')));
    expect(granted).toContain('ALTER, SELECT, INSERT, UPDATE, DELETE');
    expect(rights(commentless(section(page, '## SQL Server as warehouse')))).toEqual(granted);
  });

  it('gate what is captured by the role that capture takes where it enables tables itself', () => {
    const role = /DEFAULT_ROLE = '(\w+)'/.exec(code)?.[1] ?? 'no role';
    for (const text of [script('inventory.sql'), script('enable-cdc.sql'), page]) expect(text).toContain(`@role_name = N'${role}', @supports_net_changes = 0`);
    expect(script('grants.sql')).toContain(`ALTER ROLE [${role}]`);
  });
});

// SSMS runs the batches behind an error, sqlcmd begins in master.
it.each([['inventory.sql', "IF DB_NAME() <> N'testDB' SET NOEXEC ON;"], ['enable-cdc.sql', 'IF DB_ID() <= 4']])('%s changes nothing in a database of the server itself', (file, condition) => {
  const batches = sqlBatches(script(file)).map(commentless);
  const guard = batches.findIndex((batch) => batch.includes(condition));
  expect(batches[guard]).toContain('SET NOEXEC ON;');
  expect(batches.findIndex((batch) => /\b(?:CREATE (?:TABLE|ROLE|INDEX)|INSERT|EXEC)\b/.test(batch))).toBeGreaterThan(guard);
  expect(batches.at(-1)?.trim()).toBe('SET NOEXEC OFF;');
});

it('gives every remedy that a message of the programs recommends', () => {
  const remedies = new Set([...code.matchAll(/\bsys\.sp_cdc_\w+|ALTER DATABASE \S+ SET [A-Z_]{4,}|mssql-conf set [\w.]+ true|MSSQL_AGENT_ENABLED=true/g)].map(([text]) => text.replace(/^ALTER DATABASE \S+ /, '')));
  expect(remedies.size).toBeGreaterThan(6);
  expect([...remedies].filter((remedy) => !page.replace(/\s+/g, ' ').includes(remedy))).toEqual([]);
});

it.each(['sql/mssql/inventory.sql', 'sql/mssql/enable-cdc.sql', PAGE])('%s makes the counter table that capture makes', (file) => {
  const made = read('libs/change-stream/mssql/src/golden/create-counter.sql').replaceAll("o''rd", "o'rd").replaceAll("[se]]l].[o'rd]]er]", '[elstream].[counter]').trim();
  expect(made).toContain('CREATE TABLE [elstream].[counter]');
  expect(read(file)).toContain(made);
});

it('has the generated table of types (UPDATE_GOLDEN=1 copies it from docs/types.md)', () => {
  const [begin, end] = ['<!-- types: begin -->', '<!-- types: end -->'];
  const types = section(read('docs/types.md'), '## From SQL Server').split('\n').slice(1).join('\n').trim();
  const wanted = `${begin}\n${types}\n${end}`;
  const has = page.slice(page.indexOf(begin), page.indexOf(end) + end.length);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path.join(root, PAGE), page.replace(has, () => wanted));
  else expect(has).toBe(wanted);
});

it('shows the pipeline file as it is', () => {
  const [yaml] = fencedBlocks(page, 'yaml');
  expect(yaml?.text.trim()).toBe(read('pipelines/mssql/inventory.yaml').split('\n').filter((line) => !line.startsWith('#')).join('\n').trim());
});

it('names settings that there are', () => {
  const known = read('docs/settings.md');
  const named = new Set([...page.matchAll(/`((?:source|warehouse|stream|defaults|preload|validate|deadLetters)\.(?!sql\b)[a-z]\w*)[`.:]/g)].map(([, name]) => name ?? ''));
  expect(named.size).toBeGreaterThan(12);
  expect([...named].filter((name) => !known.includes(`\`${name}\``) && !known.includes(`\`${name}.`))).toEqual([]);
});

it('explains error codes that there are, and all that capture can throw', () => {
  const all = codeTexts(root, ['libs', 'apps']);
  const trouble = section(page, '## Trouble');
  const explained = [...trouble.matchAll(/^\|(.+?)\|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([A-Z]\w+)`/g)].map(([, name]) => name ?? ''));
  expect(explained.length).toBeGreaterThan(30);
  // DB_2627: named after its number
  expect(explained.filter((name) => !/^DB_\d+$/.test(name) && !all.includes(`'${name}'`))).toEqual([]);
  const thrown = [...codeTexts(root, ['libs/change-stream/mssql/src']).matchAll(/new ElstreamError\('(\w+)'/g)].map(([, name]) => name ?? '');
  expect([...new Set(thrown)].filter((name) => !name.startsWith('DB_') && !explained.includes(name))).toEqual([]);
});

it('lists under "Not yet seen" every view, function and procedure of the server that source and capture lean on', () => {
  const unseen = section(page, '## Not yet seen on a real server');
  const used = new Set([...`${golden('source/mssql')}\n${golden('change-stream/mssql')}`.matchAll(/\b(?:sys\.(?:dm|fn|sp)_\w+|sys\.database_recovery_status|cdc\.[a-z]\w+)/g)].map(([name]) => name));
  used.delete('sys.sp_executesql');
  expect(used.size).toBeGreaterThan(12);
  expect([...used].filter((name) => !unseen.includes(name))).toEqual([]);
});

it('refers to files that there are, and to each script', () => {
  const links = [...page.matchAll(/\]\(([\w./-]+)[)#]/g)].map(([, link]) => link ?? '');
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((link) => !existsSync(path.join(root, 'docs', link)))).toEqual([]);
  for (const file of scripts) expect(page).toContain(`\`${file}\``);
});
