import { createHmac } from 'node:crypto';
import { decodeRows, type KeyRange, type TableMapping } from '@elstream/core';
import { collect, EVERYTHING, running } from '@elstream/testing';
import { scriptedGate, type Asked } from '../scripted-gate.fixture';
import { sampleTable, type SampleColumn } from '../statements.fixture';
import { HAS_KEY_INDEX } from './history-sql';
import { planHistory, readHistory } from './history';
import { planChunks } from './plan-chunks';
import { selectRange } from './read-sql';
import { READ_TARGET } from './read-target';
import { isolatedReads, readRows } from './rows';

const ID: SampleColumn = { name: 'id', base: 'int', type: { kind: 'integer', bits: 32 } };
const AT = ['valid_from', 'valid_to'].map((name): SampleColumn => ({ name, base: 'datetime2', scale: 7, type: { kind: 'timestamp', zone: false } }));
const COLUMNS = [ID, ...AT];
const { mapping: plain, target } = sampleTable(COLUMNS, ['id']);
const MAPPING: TableMapping = { ...plain, chunkRows: 10, history: { kind: 'copied', target: { schema: 'w', name: 't_archive' }, source: { schema: 'dbo', name: 't_archive' }, period: { from: 1, to: 2 } } };
const CATALOG = COLUMNS.map(({ name, base, scale = 0 }) => ({ name, base, maxLength: 0, precision: 0, scale, collation: null, snapshot: true }));

/** A table of ids 1 to `last`, as the server would skip through it. */
function skipping(last: number, indexed = true): (asked: Asked) => readonly unknown[] {
  return ({ sql, params }) => {
    if (sql === READ_TARGET) return CATALOG;
    if (sql === HAS_KEY_INDEX) return [{ indexed }];
    if (sql.includes('ROW_NUMBER')) return [[4], [8]];
    const at = Number(params['after0'] ?? 0) + Number(params['skip']) + 1;
    return at <= last ? [[at]] : [];
  };
}

describe('planning chunks', () => {
  it('asks for one bound after the other, in SNAPSHOT, until there is none', async () => {
    const gate = scriptedGate(skipping(25));
    const ranges = await collect(planChunks(gate, MAPPING, running()));
    expect(ranges).toEqual<KeyRange[]>([{ from: null, to: ['11'] }, { from: ['11'], to: ['21'] }, { from: ['21'], to: null }]);
    const bounds = gate.asked.filter(({ sql }) => sql.includes('OFFSET'));
    expect(bounds.map(({ params }) => params)).toEqual([{ skip: '10' }, { after0: '11', skip: '9' }, { after0: '21', skip: '9' }]);
    expect(bounds.every(({ sql }) => sql.includes('SET TRANSACTION ISOLATION LEVEL SNAPSHOT;'))).toBe(true);
  });

  it('of versions skips along an index of the key, else finds all bounds at once', async () => {
    expect(await collect(planHistory(scriptedGate(skipping(12)), MAPPING, running()))).toEqual([{ from: null, to: ['11'] }, { from: ['11'], to: null }]);
    expect(await collect(planHistory(scriptedGate(skipping(12, false)), MAPPING, running()))).toEqual([{ from: null, to: ['4'] }, { from: ['4'], to: ['8'] }, { from: ['8'], to: null }]);
  });

  it('ends with an error where a bound does not move, and not never', async () => {
    const stuck = scriptedGate(({ sql }) => (sql === READ_TARGET ? CATALOG : [[7]]));
    await expect(collect(planChunks(stuck, MAPPING, running()))).rejects.toMatchObject({ code: 'CHUNK_BOUND', recovery: 'stop' });
  });

  it('takes a bound further on where a task could not keep the text of one', async () => {
    const texts = ['a', 'b\ud83d', 'c\0', 'd\ude00', 'f', 'g'];
    const { mapping: keyed } = sampleTable([{ name: 'k', base: 'nvarchar', maxLength: 20, type: { kind: 'text', maxLength: 10, padded: false } }], ['k']);
    const catalog = [{ name: 'k', base: 'nvarchar', maxLength: 20, precision: 0, scale: 0, collation: 'Latin1_General_100_BIN2', snapshot: true }];
    const gate = scriptedGate(({ sql, params }) => {
      if (sql === READ_TARGET) return catalog;
      const at = texts.indexOf(String(params['after0'] ?? '')) + 1 + Number(params['skip']);
      return at < texts.length ? [[texts[at]]] : [];
    });
    expect(await collect(planChunks(gate, { ...keyed, chunkRows: 1 }, running()))).toEqual<KeyRange[]>([{ from: null, to: ['f'] }, { from: ['f'], to: ['g'] }, { from: ['g'], to: null }]);
    const every = scriptedGate(({ sql }) => (sql === READ_TARGET ? catalog : sql === HAS_KEY_INDEX ? [{ indexed: false }] : [['b\ud83d'], ['f']]));
    const copied: TableMapping = { ...keyed, history: { kind: 'copied', target: { schema: 'w', name: 'h' }, source: { schema: 'dbo', name: 'h' }, period: { from: 0, to: 0 } } };
    expect(await collect(planHistory(every, copied, running()))).toEqual<KeyRange[]>([{ from: null, to: ['f'] }, { from: ['f'], to: null }]);
  });

  it('ends when told to', async () => {
    await expect(collect(planChunks(scriptedGate(skipping(25)), MAPPING, AbortSignal.abort(new Error('told to stop'))))).rejects.toThrow('told to stop');
  });
});

describe('reading rows', () => {
  const ROWS = [[1, '2024-01-01 00:00:00.0000000', '9999-12-31 23:59:59.9999999'], [2, null, '2024-01-01 00:00:00.5000000']];

  it('gives the cells of each, and their number at the end', async () => {
    const gate = scriptedGate(() => ROWS);
    const read = readRows(gate, MAPPING, selectRange(target, EVERYTHING), running());
    expect(read.count()).toBe(0);
    expect(await collect(decodeRows(read.rows))).toEqual([['1', '2024-01-01 00:00:00', '9999-12-31 23:59:59.9999999'], ['2', null, '2024-01-01 00:00:00.5']]);
    expect(read.count()).toBe(2);
  });

  it('hashes what is masked, and not what follows the columns', async () => {
    const masked: TableMapping = { ...MAPPING, columns: MAPPING.columns.map((c, i) => (i === 1 ? { ...c, mask: { kind: 'hash', secret: 's' } } : c)) };
    const gate = scriptedGate(({ sql }) => (sql === READ_TARGET ? CATALOG : ROWS.map((row, i) => [...row, i === 1])));
    const rows = await collect(decodeRows((await readHistory(gate, masked, { range: EVERYTHING }, running())).rows));
    const hashed = createHmac('sha256', 's').update('2024-01-01 00:00:00').digest('hex');
    expect(rows).toEqual([['1', hashed, '9999-12-31 23:59:59.9999999', 'f'], ['2', null, '2024-01-01 00:00:00.5', 't']]);
  });

  it('carries what is no Unicode as far as to the warehouse, which parks its row', async () => {
    const { mapping: texts, target: of } = sampleTable([ID, { name: 'v', base: 'nvarchar', maxLength: 20, type: { kind: 'text', maxLength: 10, padded: false } }], ['id']);
    const values = ['a\ud83d', '\ude00b', 'c\0', '\ud83d\ude00'];
    const read = readRows(scriptedGate(() => values.map((value, i) => [i, value])), texts, selectRange(of, EVERYTHING), running());
    expect(await collect(decodeRows(read.rows))).toEqual(values.map((value, i) => [String(i), value]));
  });

  it('of no keys asks nothing', async () => {
    const gate = scriptedGate(() => []);
    expect(await collect((await readHistory(gate, MAPPING, { keys: [] }, running())).rows)).toEqual([]);
    expect(gate.asked).toEqual([]);
  });

  it('lends its isolation to statements written elsewhere', async () => {
    const gate = scriptedGate(() => [[1]]);
    expect(await collect(isolatedReads(gate, true).cells('SELECT 1'))).toEqual([[1]]);
    expect(await collect(isolatedReads(gate, false).cells('SELECT 1'))).toEqual([[1]]);
    expect(gate.asked.map(({ sql }) => /LEVEL (.*);\nSELECT 1/.exec(sql)?.[1])).toEqual(['SNAPSHOT', 'READ COMMITTED']);
  });
});
