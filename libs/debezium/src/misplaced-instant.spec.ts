import { type ColumnSpec, decode, decoderOf, envelope, int, rowOf, SQL_SERVER_SOURCE, timestamptz } from './debezium.fixture';
import { dateOf } from './cells/calendar';
import { instantBefore, misplacesInstants } from './cells/misplaced-instant';

/** What Debezium 3.6.1 with its driver 12.4.2 made of datetimeoffsets, run without a server: [the instant, what is sent]. */
const SENT: readonly [string, string][] = [
  ['1970-01-01T00:00:01.5', '1970-01-01T00:00:01.5Z'],
  ['1970-01-01T00:00:00.0009999', '1970-01-01T00:00:00.0009999Z'],
  ['1970-01-01T00:00:00', '1970-01-01T00:00:00Z'],
  ['1969-12-31T23:59:59.0009999', '1969-12-31T23:59:59.0009999Z'],
  ['1969-12-31T23:59:58.5', '1969-12-31T23:59:59.5Z'],
  ['1969-12-31T23:59:58', '1969-12-31T23:59:58Z'],
  ['1900-01-01T00:00:00.1234567', '1900-01-01T00:00:01.1234567Z'],
  ['1900-01-01T00:00:00', '1900-01-01T00:00:00Z'],
  ['1583-01-01T00:00:00', '1583-01-01T00:00:00Z'],
  ['1582-12-31T00:00:00.5', '1582-12-31T00:00:01.5Z'],
  ['1582-10-04T23:59:59.9999999', '1582-10-15T00:00:00.9999999Z'],
  ['1582-10-04T00:00:00', '1582-10-14T00:00:00Z'],
  ['1500-02-28T00:00:00', '1500-03-09T00:00:00Z'],
  ['1500-03-01T00:00:00', '1500-03-11T00:00:00Z'],
  ['1000-01-01T00:00:00', '1000-01-06T00:00:00Z'],
  ['0100-03-01T00:00:00', '0100-02-28T00:00:00Z'],
  ['0004-02-29T00:00:00', '0004-02-27T00:00:00Z'],
  ['0001-01-01T00:00:00', '0000-12-30T00:00:00Z'],
  ['0001-01-01T00:00:00.5', '0000-12-30T00:00:01.5Z'],
  ['1969-12-31T23:59:58.5', '1969-12-31T09:59:59.5-14:00'],
  ['1969-12-31T23:59:58.5', '1970-01-01T13:59:59.5+14:00'],
  ['0001-01-01T14:00:00', '0000-12-30T00:00:00-14:00'],
  ['0001-01-01T14:00:00', '0000-12-31T04:00:00+14:00'],
  ['9999-12-31T23:59:59.9999999', '+10000-01-01T13:59:59.9999999+14:00'],
];

const AMBIGUOUS = ['1970-01-01T00:00:00.5Z', '1970-01-01T00:00:00.001Z', '1970-01-01T14:00:00.5+14:00', '1582-10-15T00:00:00Z', '1582-10-25T00:00:00.9999999Z', '1582-10-24T23:59:59Z'];

const AT: ColumnSpec = { name: 'at', type: { kind: 'other' }, native: 'datetimeoffset(7)' };
const COLUMNS: readonly ColumnSpec[] = [{ name: 'id', type: int, native: 'int' }, AT, { name: 'instant', type: timestamptz, native: 'datetimeoffset' }];
const sourceOf = (version: string): string => SQL_SERVER_SOURCE.replace('3.6.1.Final', version);
const sent = (text: string, version = '3.6.1.Final'): unknown => rowOf(decode(decoderOf(COLUMNS), envelope('c', { after: `{"id":7,"at":"${text}","instant":"${text}"}`, source: sourceOf(version) })));

describe('a datetimeoffset that the connector has moved', () => {
  it.each(SENT)('%s, sent as %s, is what it was', (instant, text) => {
    const cell = `${instant.replace('T', ' ')}+00`;
    const offset = text.endsWith('Z') ? '+00:00' : text.slice(-6);
    expect(sent(text)).toEqual(['7', `${cell} ${offset}`, cell]);
  });

  it.each(AMBIGUOUS)('%s is poison: two values are sent as it', (text) => {
    expect(sent(text)).toMatch(/^DEBEZIUM_VALUE: column at of dbo\.item is a datetimeoffset as which .* writes two values .*replay/);
  });

  it('is one value for each that is sent', () => {
    const seen = new Set<string>();
    let told = 0;
    for (let day = -719_520; day < 0; day += 5) {
      const date = dateOf(day);
      for (const fraction of ['', '.0005', '.25']) {
        const before = instantBefore(`${date.text} 12:00:00${fraction}+00${date.era}`);
        if (before === null) continue;
        told += 1;
        seen.add(before);
      }
    }
    expect(seen.size).toBe(told);
  });

  it.each<[string, boolean]>([['2.7.4.Final', true], ['3.6.0.CR1', true], ['3.6.1.Final', true], ['3.7.0.Alpha1', true], ['3.7.0.Alpha2', true], ['3.6.2.Final', false], ['3.7.0.Beta1', false], ['3.7.0.Final', false], ['4.0.0.Final', false], ['', false], ['unknown', false]])('by release %s: %s', (version, moved) => {
    expect(misplacesInstants(version)).toBe(moved);
    expect(sent('1900-01-01T00:00:01.5Z', version)).toEqual(['7', ...[' +00:00', ''].map((offset) => `1900-01-01 00:00:0${moved ? '0' : '1'}.5+00${offset}`)]);
  });

  it('in a key is moved back wherever the record has it, and masked afterwards', () => {
    const decoder = decoderOf([AT]);
    const key = '{"at":"1900-01-01T00:00:01.5Z"}';
    const now = '1900-01-01 00:00:00.5+00 +00:00';
    expect(decode(decoder, envelope('d', { before: key }), key)).toMatchObject({ op: 'delete', key: [now] });
    expect(decode(decoder, envelope('d', {}), key)).toMatchObject({ op: 'delete', key: [now] });
    expect(decode(decoder, envelope('u', { before: '{"at":"1900-01-01T00:00:02.5Z"}', after: key }))).toMatchObject({ key: [now], oldKey: ['1900-01-01 00:00:01.5+00 +00:00'] });
    expect(decoder.decode({ key: null, value: envelope('c', { after: key }), headers: { '__debezium.oldkey': key } })).toMatchObject({ keyChange: { side: 'to', otherKey: [now] } });
    expect(decode(decoder, envelope('d', {}), '{"at":"1970-01-01T00:00:00.5Z"}')).toMatchObject({ op: 'poison', key: null, code: 'DEBEZIUM_KEY_MISSING' });
  });
});
