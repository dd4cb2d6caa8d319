import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describeMetrics } from './index';
import { withMetrics } from './metrics-document';

const page = readFileSync(path.join(__dirname, '..', '..', '..', 'docs', 'observability.md'), 'utf8');

describe('docs/observability.md', () => {
  it('has the metrics as the code has them (npm run docs -w @elstream/observability makes it anew)', () => {
    expect(page).toBe(withMetrics(page));
  });

  it('speaks of no metric that does not exist', () => {
    const series = describeMetrics().flatMap(({ name, type }) => (type === 'histogram' ? [name, `${name}_bucket`, `${name}_count`, `${name}_sum`] : [name]));
    const spokenOf = new Set(page.match(/\belstream_[a-z_]+/g));
    expect([...spokenOf].filter((name) => !series.includes(name))).toEqual([]);
  });

  it('is refused without the place for the table', () => {
    expect(() => withMetrics('# Observability')).toThrow('docs/observability.md lacks');
  });
});

describe('every metric', () => {
  it.each(describeMetrics().map((metric) => [metric.name, metric] as const))('%s is named and explained as people expect', (name, { type, help }) => {
    expect(name).toMatch(/^elstream_[a-z_]+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(help).toMatch(/^\S.*\.$/);
  });
});
