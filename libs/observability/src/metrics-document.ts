import { describeMetrics } from './metrics';

const BEGIN = '<!-- Made by `npm run docs -w @elstream/observability` from libs/observability/src/metrics.ts; do not edit. -->';
const END = '<!-- End of the part that is made. -->';

/** `docs/observability.md` with the table of metrics as the code has it; the rest is written by hand and kept. */
export function withMetrics(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`docs/observability.md lacks the two lines its table of metrics stands between:\n${BEGIN}\n${END}`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${metricsTable()}\n\n${page.slice(end)}`;
}

function metricsTable(): string {
  const rows = describeMetrics().map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ') || 'none'} | ${help.replaceAll('|', '\\|')} |`);
  return ['| Metric | Type | Labels | Meaning |', '|---|---|---|---|', ...rows].join('\n');
}
