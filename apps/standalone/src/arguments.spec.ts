import { parseOptions, sampleSize } from './demo/options';
import { parseArguments } from './setup';

describe('arguments of the standalone process', () => {
  it.each([
    [[], { pipelines: [], run: false, help: false }],
    [['--run', '--pipeline', 'a.yaml', '--pipeline=b.yaml'], { pipelines: ['a.yaml', 'b.yaml'], run: true, help: false }],
    [['--help'], { pipelines: [], run: false, help: true }],
  ])('%j', (args, expected) => {
    expect(parseArguments(args)).toEqual(expected);
  });

  it.each([
    [['--pipelines', 'x'], /Unknown option '--pipelines'/],
    [['x.yaml'], /'x\.yaml'/],
    [['--pipeline'], /'--pipeline <value>' argument missing/],
  ])('%j is refused by name', (args, message) => {
    expect(() => parseArguments(args)).toThrow(message);
  });
});

describe('options of the demonstration', () => {
  it('seeds at least 300,000 rows unless told otherwise', () => {
    expect(parseOptions([])).toMatchObject({ damageAfter: false });
    expect(parseOptions([])?.rows).toBeGreaterThanOrEqual(300_000);
    expect(parseOptions(['--rows', '5000', '--seconds=2', '--damage-after'])).toMatchObject({ rows: 5_000, seconds: 2, damageAfter: true });
    expect(parseOptions(['--help', '--rows', '1'])).toBeNull();
  });

  it('by way of Kafka starts the services as processes, over fewer rows', () => {
    expect(parseOptions(['--kafka'])).toMatchObject({ services: true, stream: 'kafka', rows: 50_000 });
    expect(parseOptions(['--kafka', '--rows', '2000'])).toMatchObject({ rows: 2_000 });
    expect(parseOptions(['--services'])).toMatchObject({ services: true, stream: 'direct' });
  });

  it.each([['--rows', '12'], ['--rows', 'many'], ['--seconds', '-1'], ['--seconds', '1.5']])('%s %s is refused by name', (name, value) => {
    expect(() => parseOptions([`${name}=${value}`])).toThrow(new RegExp(`^${name} must be a whole number`));
  });

  it.each([1_000, 5_000, 320_000, 4_999_999])('shares %d rows out over the four tables, none lost', (rows) => {
    const { customers, orders, products } = sampleSize(rows);
    expect(customers + orders + 2 * products).toBe(rows);
    expect(Math.min(customers, orders, products)).toBeGreaterThan(0);
  });
});
