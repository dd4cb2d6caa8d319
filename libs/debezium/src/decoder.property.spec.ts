import * as fc from 'fast-check';
import { bigint, binary, type ColumnSpec, decimal, decode, decoderOf, SQL_SERVER_SOURCE, text, timestamp } from './debezium.fixture';
import { type Decoded } from './decoded';
import { parseSlowly, type SlowJson } from './slow-json.fixture';

const COLUMNS: readonly ColumnSpec[] = [
  { name: 'id', type: bigint, native: 'bigint' },
  { name: 'näme "x"', type: text, native: 'nvarchar(max)' },
  { name: 'price', type: decimal(38, 10), native: 'decimal(38,10)' },
  { name: 'blob', type: binary, native: 'varbinary(max)' },
  { name: 'at', type: timestamp, native: 'datetime2(7)' },
  { name: 'on', type: { kind: 'boolean' }, native: 'bit' },
];
const SCHEMA = { type: 'struct', fields: [{ field: 'after', type: 'struct', fields: COLUMNS.map(({ name }) => ({ field: name, type: 'string' })) }] };
const SCHEMA_TYPES = ['int64', 'string', 'bytes', 'bytes', 'int64', 'boolean'];
const SCHEMA_NAMES = [undefined, undefined, 'org.apache.kafka.connect.data.Decimal', undefined, 'io.debezium.time.NanoTimestamp', undefined];
SCHEMA.fields[0]!.fields = COLUMNS.map(({ name }, i) => ({ field: name, type: SCHEMA_TYPES[i]!, name: SCHEMA_NAMES[i], parameters: { scale: '10' } }) as never);

/** Any way to write a string: characters as they are, as escapes, as \u. */
const written = (value: string, how: readonly number[]): string =>
  `"${[...value]
    .map((char, i) => {
      const plain = JSON.stringify(char).slice(1, -1);
      if ((how[i % how.length] ?? 0) % 3 > 0) return plain;
      return [...Array(char.length).keys()].map((k) => `\\u${char.charCodeAt(k).toString(16).padStart(4, '0')}`).join('');
    })
    .join('')}"`;

const words = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((s) => !/\p{Surrogate}/u.test(s));
const styles = fc.array(fc.nat(2), { minLength: 1, maxLength: 4 });
const blanks = fc.constantFrom('', '', '', ' ', '\n\t', '\r ');
const strings = fc.tuple(words, styles).map(([value, how]) => written(value, how));
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const junk: fc.Arbitrary<string> = fc.oneof(strings, int64.map(String), fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)), fc.json({ maxDepth: 4 }));

const bytes = (n: bigint): Buffer => Buffer.from(BigInt.asUintN(152, n).toString(16).padStart(38, '0'), 'hex');
const cells: Readonly<Record<string, fc.Arbitrary<string>>> = {
  id: int64.map(String),
  'näme "x"': strings,
  price: fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }).map((n) => `"${bytes(n).toString('base64')}"`),
  blob: fc.uint8Array({ maxLength: 40 }).map((b) => `"${Buffer.from(b).toString('base64')}"`),
  at: fc.bigInt({ min: -92233720368547758n, max: 92233720368547758n }).map((n) => String(n * 100n)),
  on: fc.boolean().map(String),
};

type Member = readonly [name: string, json: string];
const object = (members: readonly Member[], gap: string): string => `{${gap}${members.map(([name, json]) => `${JSON.stringify(name)}${gap}:${gap}${json}`).join(`${gap},`)}${gap}}`;

/** A row image: columns in any order, some left out, NULL or beside others that are not ours; the key always there. */
const image: fc.Arbitrary<string> = fc
  .tuple(
    fc.tuple(...COLUMNS.map(({ name }) => fc.tuple(fc.constant(name), name === 'id' ? cells['id']! : fc.oneof({ weight: 4, arbitrary: cells[name]! }, { weight: 1, arbitrary: fc.constant('null') }), name === 'id' ? fc.constant(true) : fc.boolean()))),
    fc.array(fc.tuple(words.map((w) => `extra ${w}`), junk), { maxLength: 2 }),
    fc.boolean(),
    blanks,
  )
  .chain(([columns, extra, shuffled, gap]) => {
    const members: Member[] = [...columns.flatMap(([name, json, there]) => (there ? [[name, json] as const] : [])), ...extra];
    return (shuffled ? fc.shuffledSubarray(members, { minLength: members.length, maxLength: members.length }) : fc.constant(members)).map((all) => object(all, gap));
  });

const envelopes = fc.tuple(image, image, fc.constantFrom('c', 'u', 'd', 'r', 't'), fc.boolean(), blanks, fc.array(junk, { maxLength: 2 })).map(([before, after, op, wrapped, gap, extra]) => {
  const members: Member[] = [
    ['before', op === 'u' || op === 'd' ? before : 'null'],
    ['after', op === 'd' || op === 't' ? 'null' : after],
    ['source', SQL_SERVER_SOURCE],
    ...extra.map((json, i) => [`more${String(i)}`, json] as const),
    ['op', `"${op}"`],
  ];
  const payload = object(members, gap);
  return Buffer.from(wrapped ? object([['schema', JSON.stringify(SCHEMA)], ['payload', payload]], gap) : payload);
});

// ---- the slow way: parse all, then pick

const member = (json: SlowJson | undefined, name: string): SlowJson | undefined => (json instanceof Map ? (json as ReadonlyMap<string, SlowJson>).get(name) : undefined);

function slowCell(name: string, json: SlowJson | undefined): string | null | undefined {
  if (json === undefined || json === null) return json;
  if (typeof json === 'boolean') return name === 'on' ? (json ? 't' : 'f') : 'misfit';
  if (typeof json === 'string') {
    if (name === 'price') {
      const hex = Buffer.from(json, 'base64').toString('hex');
      const unscaled = BigInt.asIntN(hex.length * 4, BigInt(`0x${hex}`));
      const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(11, '0');
      return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -10)}.${digits.slice(-10)}`;
    }
    return name === 'blob' ? `\\x${Buffer.from(json, 'base64').toString('hex')}` : json;
  }
  if (!('number' in json)) return 'misfit';
  if (name === 'at' && !/^-?\d+$/.test(json.number)) return 'misfit';
  return name === 'at' ? slowTimestamp(BigInt(json.number)) : json.number === '-0' ? '0' : json.number;
}

function slowTimestamp(sent: bigint): string {
  let ns = sent;
  // out of 64 bits and back: the only multiple of 100 within the years 1 to 9999
  if (sent % 100n !== 0n) for (let k = -4n; k <= 14n; k++) if ((sent + k * 2n ** 64n) % 100n === 0n) ns = sent + k * 2n ** 64n;
  const fraction = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const date = new Date(Number((ns - fraction) / 1_000_000n));
  // the year before 1 is 1 BC, as PostgreSQL spells it
  const iso = date.toISOString();
  const year = date.getUTCFullYear();
  const text = `${String(year > 0 ? year : 1 - year).padStart(4, '0')}${iso.slice(iso.indexOf('-', 1), -5).replace('T', ' ')}`;
  return `${text}${fraction === 0n ? '' : `.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`}${year > 0 ? '' : ' BC'}`;
}

interface Slow {
  readonly op: string;
  readonly row: readonly (string | null | undefined)[];
  readonly key: readonly unknown[];
  readonly oldKey: readonly unknown[] | null;
}

function slowDecode(value: Buffer): Slow | null {
  let json: SlowJson;
  try {
    json = parseSlowly(value);
  } catch {
    return null;
  }
  const payload = member(json, 'schema') instanceof Map && member(json, 'payload') !== undefined ? member(json, 'payload') : json;
  const row = (which: string): (string | null | undefined)[] => COLUMNS.map(({ name }) => slowCell(name, member(member(payload, which), name)));
  const [before, after] = [row('before'), row('after')];
  const op = String(member(payload, 'op') as string);
  return { op, row: after, key: [op === 'd' ? before[0] : after[0]], oldKey: op === 'u' && typeof before[0] === 'string' && before[0] !== after[0] ? [before[0]] : null };
}

function expectSame(decoded: Decoded, slow: Slow): void {
  if (decoded.op === 'insert' || decoded.op === 'update') {
    expect({ row: decoded.row, key: decoded.key, oldKey: decoded.oldKey, op: decoded.op, read: decoded.snapshotRead }).toStrictEqual({
      row: slow.row,
      key: slow.key,
      oldKey: slow.oldKey,
      op: slow.op === 'u' ? 'update' : 'insert',
      read: slow.op === 'r',
    });
  } else if (decoded.op === 'delete') expect(decoded.key).toEqual(slow.key);
  else if (decoded.op === 'truncate') expect(slow.op).toBe('t');
}

describe('the decoder against a slow, obviously right one', () => {
  const decoder = decoderOf(COLUMNS);

  it('reads every envelope as that one does, whatever it read before', () => {
    fc.assert(
      fc.property(envelopes, (value) => {
        const decoded = decode(decoder, value);
        expect(decoded.op === 'poison' ? decoded.reason : '').toBe('');
        expectSame(decoded, slowDecode(value)!);
      }),
      { numRuns: 2000 },
    );
  });

  it('never throws on damaged bytes and never reads another value out of them', () => {
    const damage = fc.array(fc.tuple(fc.nat(100_000), fc.oneof(fc.constantFrom(...Buffer.from('"\\{}[],:0-9ntf. \u0000')), fc.nat(255)), fc.constantFrom('set', 'cut', 'insert')), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(envelopes, damage, (value, changes) => {
        let damaged = value;
        for (const [where, byte, how] of changes) {
          // the slow way knows no schema: what stands in one is not damaged
          const from = Math.max(0, damaged.indexOf('"before"'));
          const at = from + (where % (damaged.length - from));
          damaged = Buffer.concat([damaged.subarray(0, at), how === 'cut' ? Buffer.alloc(0) : Buffer.of(byte), damaged.subarray(how === 'insert' ? at : at + 1)]);
        }
        const decoded = decode(decoder, damaged);
        // Both may refuse, the fast one for more reasons; and what it skips it need not look at.
        if (decoded.op === 'poison' || decoded.op === 'tombstone') return;
        const slow = slowDecode(damaged);
        if (slow !== null) expectSame(decoded, slow);
      }),
      { numRuns: 4000 },
    );
  });
});
