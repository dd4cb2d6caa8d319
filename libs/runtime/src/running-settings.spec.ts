import { loadPipelineText, type PipelineConfig } from '@elstream/config';
import { whileRunning } from './running-settings';

const load = (yaml: string): PipelineConfig => loadPipelineText(yaml, {}).config;

const FILE = `
name: shop
source: { url: 'postgres://u:a@db/shop' }
warehouse: { url: 'postgres://u:b@wh/dwh' }
tables: { include: [public.item] }
`;

describe('settings while the process runs', () => {
  it('of a file with the same content are the same', () => {
    expect(whileRunning(load(FILE), load(`${FILE}# a comment\n`))).toEqual({ config: load(FILE), kept: [] });
  });

  it('follow the file: tables, batches, limits, the password and the connections of the source', () => {
    const wanted = load(FILE.replace('[public.item]', '[public.item, public.more]').replace("db/shop'", "db/shop', maxConnections: 12").replace('u:a@', 'u:new@') + 'stream: { lingerMs: 5 }\n');
    expect(whileRunning(load(FILE), wanted)).toEqual({ config: wanted, kept: [] });
  });

  it.each([
    ['warehouse.url', FILE.replace('wh/dwh', 'wh/other')],
    ['warehouse.maxConnections', FILE.replace("wh/dwh'", "wh/dwh', maxConnections: 20")],
    ['warehouse.statementTimeoutMs', FILE.replace("wh/dwh'", "wh/dwh', statementTimeoutMs: 5s")],
    ['warehouse.lockTimeoutMs', FILE.replace("wh/dwh'", "wh/dwh', lockTimeoutMs: 5s")],
    ['preload.workers', `${FILE}preload: { workers: 6 }\n`],
    ['validate.workers', `${FILE}validate: { workers: 3 }\n`],
  ])('keep %s until the next start, and say so', (setting, text) => {
    const { config, kept } = whileRunning(load(FILE), load(`${text}defaults: { chunkRows: 777 }\n`));
    expect(kept).toEqual([{ setting, remedy: expect.stringContaining('next start') }]);
    expect(config).toEqual(load(`${FILE}defaults: { chunkRows: 777 }\n`));
  });

  it.each([
    ['source.url', FILE.replace('db/shop', 'elsewhere/shop')],
    ['stream.slotName', `${FILE}stream: { slotName: other }\n`],
    ['stream.publicationName', `${FILE}stream: { publicationName: other }\n`],
  ])('never leave a slot behind: %s stays until the pipeline is removed', (setting, text) => {
    const { config, kept } = whileRunning(load(FILE), load(text));
    expect(kept).toEqual([{ setting, remedy: expect.stringContaining('DELETE') }]);
    expect(JSON.stringify(config)).toBe(JSON.stringify(load(FILE)));
  });

  it('never go on with the product of another source than the one that stays', () => {
    const wanted = load(FILE.replace('postgres://u:a@db/shop', 'mssql://u:a@db/shop') + "stream: { type: kafka, brokers: 'k:9092', connect: { url: 'http://c:8083' } }\n");
    const { config, kept } = whileRunning(load(FILE), wanted);
    expect(kept.map(({ setting }) => setting)).toEqual(['source.url', 'stream.type']);
    expect(config).toEqual(load(FILE));
  });

  const KAFKA = `${FILE}stream: { type: kafka, brokers: 'k:9092', connect: { url: 'http://c:8083' }, `;

  it.each([
    ['stream.type', FILE],
    ['stream.topicPrefix', `${KAFKA}topicPrefix: other }\n`],
    ['stream.groupId', `${KAFKA}groupId: other }\n`],
    ['stream.counterTable', `${KAFKA}counterTable: a.b }\n`],
    ['stream.connect.url', `${KAFKA.replace('c:8083', 'd:8083')} }\n`],
    ['stream.connect.name', `${KAFKA.replace("8083'", "8083', name: other")} }\n`],
  ])('never leave a connector or its topics behind: %s stays until the pipeline is removed', (setting, text) => {
    const running = load(`${KAFKA} }\n`);
    const { config, kept } = whileRunning(running, load(text));
    expect(kept).toEqual([{ setting, remedy: expect.stringContaining('DELETE') }]);
    expect(config).toEqual(running);
  });

  it('follow the file in what leads to the brokers', () => {
    const wanted = load(`${KAFKA.replace('k:9092', 'other:9092')}tls: true, concurrency: 2 }\n`);
    expect(whileRunning(load(`${KAFKA} }\n`), wanted)).toEqual({ config: wanted, kept: [] });
  });

  it('never read the standby of another source in place of the one that stays', () => {
    const moved = FILE.replace("db/shop'", "elsewhere/shop', readUrl: 'postgres://u:a@standby-elsewhere/shop'");
    expect(whileRunning(load(FILE), load(moved)).config.source.readUrl).toBeUndefined();
    const added = load(FILE.replace("db/shop'", "db/shop', readUrl: 'postgres://u:a@standby/shop'"));
    expect(whileRunning(load(FILE), added)).toEqual({ config: added, kept: [] });
  });
});
