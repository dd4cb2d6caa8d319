import { LogPosition, type Standing } from '@elstream/core';
import { standingText, textOfStanding, textOfTruncate, TRUNCATE_TEXT } from './standing-text';

const at = (is: 'row' | 'marker', kind: 'preload' | 'stream', position = LogPosition.ZERO): Standing => ({ is, version: { epoch: 3, kind, position } });

describe('what stands at a key, as one text', () => {
  it.each<readonly [string, Standing]>([
    ['n', { is: 'nothing' }],
    ['r3-', at('row', 'preload')],
    ['r3:', at('row', 'stream')],
    ['r3:0000000a', at('row', 'stream', LogPosition.parse('0000000a'))],
    ['m3:ff', at('marker', 'stream', LogPosition.parse('ff'))],
  ])('%s', (text, standing) => {
    expect(textOfStanding(standing)).toBe(text);
  });

  it('the server spells it alike: a row before a marker, NULL unlike the lowest position', () => {
    expect(standingText('t', 'm')).toMatch(/^CASE WHEN t\.__elstream_epoch IS NOT NULL THEN CONCAT\('r', .* WHEN m\.__elstream_epoch IS NOT NULL THEN CONCAT\('m', .* ELSE 'n' END$/);
    expect(standingText('t', 'm')).toContain(`CASE WHEN t.__elstream_position IS NULL THEN '-' ELSE CONCAT(':', LOWER(CONVERT(varchar(32), t.__elstream_position, 2))) END`);
  });

  it('a truncate too', () => {
    expect([null, { epoch: 3, position: LogPosition.parse('0a') }].map(textOfTruncate)).toEqual(['n', '3:0a']);
    expect(TRUNCATE_TEXT).toBe(`CASE WHEN s.truncate_epoch IS NULL THEN N'n' ELSE CONCAT(s.truncate_epoch, N':', s.truncate_position) END`);
  });
});
