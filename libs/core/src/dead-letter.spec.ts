import { decodeDeadLetterRow, encodeDeadLetterRow } from './dead-letter';

describe('the row of a dead letter as JSON', () => {
  it('tells unknown from NULL, the empty text and texts that look like either', () => {
    const row = ['', null, undefined, 'null', '{"unknown":true}', '\u{1f600}'];
    const json = JSON.stringify(encodeDeadLetterRow(row));
    expect(json).toBe('["",null,{"unknown":true},"null","{\\"unknown\\":true}","😀"]');
    expect(decodeDeadLetterRow(JSON.parse(json))).toEqual(row);
  });

  it.each([['a text'], [[1]], [[{}]], [[['x']]]])('refuses %j, which is none', (json) => {
    expect(() => decodeDeadLetterRow(json)).toThrow(TypeError);
  });
});
