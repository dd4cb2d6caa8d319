import { repairStatement } from './repair-statement';
import { targets } from './table-statements.fixture';
import { buildTarget } from './target';

const statement = (target: ReturnType<typeof buildTarget>): string => repairStatement(target, { lockMs: 5, pipeline: 'shop', ofRun: true, settles: false });

describe('a repair on SQL Server', () => {
  it('spells a key anew whose equal values have several spellings, or the row would differ for ever', () => {
    const moment = buildTarget('shop', { ...targets.plain.mapping, key: [5] });
    expect(statement(moment)).toMatch(/UPDATE t SET .*t\.\[at\] = s\.c5.* FROM .* WHERE s\.outcome = 'written';/);
    expect(statement(targets.plain)).not.toContain('t.[id] = s.c1');
  });

  it('compares rows whose texts are of several collations', () => {
    const texts = [...statement(targets.plain).matchAll(/CONVERT\(nvarchar\(max\), [ts]\.(?:\[region\]|\[note\]\]s\]|c0|c6)\)(.{31})/g)];
    expect(texts.length).toBeGreaterThan(0);
    expect(new Set(texts.map(([, then]) => then))).toEqual(new Set([' COLLATE Latin1_General_100_BIN']));
  });
});
