import { at } from './core.fixture';
import { LogPosition } from './position';
import { compareVersions, decide, isReemission, isSwept, leavesMarker, mayCarry, mayFill, mayKeepUnknown, type Standing, type TruncateMemory, type Version } from './version';

/** Every version over epochs 1..3, both kinds and three positions; preload rows also with a position, which must count for nothing. */
const versions: Version[] = [1, 2, 3].flatMap((epoch) =>
  (['preload', 'stream'] as const).flatMap((kind) => [LogPosition.ZERO, at(10), at(20)].map((position) => ({ epoch, kind, position }))),
);
const standings: Standing[] = [{ is: 'nothing' }, ...versions.map((version): Standing => ({ is: 'row', version })), ...versions.filter((v) => v.kind === 'stream').map((version): Standing => ({ is: 'marker', version }))];
const truncates: TruncateMemory[] = [null, ...[1, 2, 3].flatMap((epoch) => [at(10), at(20)].map((position) => ({ epoch, position })))];
const show = (v: Version): string => `(${v.epoch},${v.kind},${v.position.toBigInt()})`;

describe('versions (R5)', () => {
  /** The order in words of the rule, without the function under test. */
  const rank = (v: Version): number => v.epoch * 1000 + (v.kind === 'stream' ? 100 + Number(v.position.toBigInt()) : 0);

  it('compare by epoch, then kind, then position, and a preload row\'s position counts for nothing', () => {
    for (const a of versions) for (const b of versions) expect([show(a), show(b), Math.sign(compareVersions(a, b))]).toEqual([show(a), show(b), Math.sign(rank(a) - rank(b))]);
  });

  it.each<[string, Version, Version, -1 | 0 | 1]>([
    ['an older epoch is older, whatever its position', { epoch: 1, kind: 'stream', position: at(99) }, { epoch: 2, kind: 'stream', position: at(1) }, -1],
    ['an older epoch\'s stream is older than a newer preload', { epoch: 1, kind: 'stream', position: at(99) }, { epoch: 2, kind: 'preload', position: LogPosition.ZERO }, -1],
    ['preload is below stream', { epoch: 2, kind: 'preload', position: at(99) }, { epoch: 2, kind: 'stream', position: LogPosition.ZERO }, -1],
    ['the same transaction is equal', { epoch: 2, kind: 'stream', position: at(5) }, { epoch: 2, kind: 'stream', position: at(5) }, 0],
    ['a repair of the lowest stream version is older than any event', { epoch: 2, kind: 'stream', position: LogPosition.ZERO }, { epoch: 2, kind: 'stream', position: at(0) }, -1],
  ])('%s', (_what, a, b, expected) => {
    expect(Math.sign(compareVersions(a, b))).toBe(expected);
    expect(Math.sign(compareVersions(b, a))).toBe(expected === 0 ? 0 : -expected);
  });

  it('ignore a write strictly below the row or marker, and only that (exhaustive, no truncate)', () => {
    for (const standing of standings) {
      for (const write of versions) {
        const older = standing.is !== 'nothing' && rank(write) < rank(standing.version);
        expect(decide(standing, write, null)).toBe(older ? 'ignore' : 'apply');
      }
    }
  });

  it('ignore a stream write below a truncate of its own epoch, over anything that stands (R6, exhaustive)', () => {
    for (const truncated of truncates) {
      for (const standing of standings) {
        for (const write of versions) {
          const before = truncated?.epoch === write.epoch && write.kind === 'stream' && Number(write.position.toBigInt()) < Number(truncated.position.toBigInt());
          expect(decide(standing, write, truncated)).toBe(before ? 'ignore' : decide(standing, write, null));
        }
      }
    }
  });
});

describe('a preload row (R4)', () => {
  it.each<[string, Standing, TruncateMemory, boolean]>([
    ['fills an empty place', { is: 'nothing' }, null, true],
    ['replaces a row of an older epoch, however high its position', { is: 'row', version: { epoch: 1, kind: 'stream', position: at(99) } }, null, true],
    ['replaces the same chunk\'s row of an earlier attempt', { is: 'row', version: { epoch: 2, kind: 'preload', position: LogPosition.ZERO } }, null, true],
    ['does not fill where the stream wrote in this epoch', { is: 'row', version: { epoch: 2, kind: 'stream', position: at(1) } }, null, false],
    ['does not fill where a repair touched the key', { is: 'row', version: { epoch: 2, kind: 'stream', position: LogPosition.ZERO } }, null, false],
    ['does not bring back what the stream deleted in this epoch', { is: 'marker', version: { epoch: 2, kind: 'stream', position: at(1) } }, null, false],
    ['fills over a delete marker of an older epoch', { is: 'marker', version: { epoch: 1, kind: 'stream', position: at(1) } }, null, true],
    ['never replaces a preload row of a newer epoch', { is: 'row', version: { epoch: 3, kind: 'preload', position: LogPosition.ZERO } }, null, false],
    ['never fills over a marker of a newer epoch', { is: 'marker', version: { epoch: 3, kind: 'stream', position: at(1) } }, null, false],
    ['does not fill after a truncate in this epoch', { is: 'nothing' }, { epoch: 2, position: at(1) }, false],
    ['does not fill after a truncate in a newer epoch', { is: 'nothing' }, { epoch: 3, position: at(1) }, false],
    ['fills after a truncate in an older epoch', { is: 'nothing' }, { epoch: 1, position: at(1) }, true],
  ])('%s', (_what, standing, truncated, fills) => {
    expect(mayFill(standing, 2, truncated)).toBe(fills);
  });

  it('fills exactly where nothing of this epoch\'s stream and nothing newer stands (exhaustive)', () => {
    for (const truncated of truncates) {
      for (const standing of standings) {
        const v = standing.is === 'nothing' ? null : standing.version;
        const blocked = v !== null && (v.epoch > 2 || (v.epoch === 2 && v.kind === 'stream'));
        expect(mayFill(standing, 2, truncated)).toBe(!blocked && (truncated === null || truncated.epoch < 2));
      }
    }
  });
});

describe('the other decisions', () => {
  it('an unknown column is kept only in a row of the current epoch (exhaustive)', () => {
    for (const standing of standings) {
      expect(mayKeepUnknown(standing, 2)).toBe(standing.is === 'row' && standing.version.epoch === 2);
    }
  });

  it('the sweep takes rows of older epochs and no others (exhaustive)', () => {
    for (const version of versions) expect(isSwept(version, 2)).toBe(version.epoch === 1);
  });

  it.each([
    [false, 0, false],
    [true, 0, true],
    [false, 1, true],
    [false, 3, true],
    [true, 2, true],
  ])('preloading %p with %i open uses: a delete leaves a marker: %p', (preloading, openUses, leaves) => {
    expect(leavesMarker({ preloading, openUses })).toBe(leaves);
  });

  it.each([
    { what: 'a table that is not live may hold rows read later than the move', live: false, rereadUntil: null, position: 10, carries: false },
    { what: 'a live one holds what stood there', live: true, rereadUntil: null, position: 10, carries: true },
    { what: 'rows were read by key, and the move lies before', live: true, rereadUntil: 20, position: 10, carries: false },
    { what: 'the move may have been seen by those reads', live: true, rereadUntil: 10, position: 10, carries: false },
    { what: 'all that was read by key is passed', live: true, rereadUntil: 10, position: 20, carries: true },
  ])('a moved row carries unknown columns: $what', ({ live, rereadUntil, position, carries }) => {
    expect(mayCarry({ live, rereadUntil: rereadUntil === null ? null : at(rereadUntil) }, at(position))).toBe(carries);
  });

  it.each([
    ['below the highest is a re-emission', 9, 10, true],
    ['equal is the same transaction, applied again', 10, 10, false],
    ['above is new', 11, 10, false],
    ['nothing is one after a reset', 1, null, false],
  ])('%s', (_what, position, highest, expected) => {
    expect(isReemission(at(position), highest === null ? null : at(highest))).toBe(expected);
  });
});
