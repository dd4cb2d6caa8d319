import { RUN_STAGES, type PipelineRecord, type Run } from '@elstream/control';
import { lagMs, stageProgress } from './overview/create-overview';
import { GAP_RETRY_MS, gapRunDue } from './plan/gap-run';
import { gapAtStart, streamReadiness } from './stream/readiness';
import { guardWal, type WalState } from './stream/wal-guard';
import { queueOf } from './task-worker';
import { gapBeforeCheckpoints } from './tasks/gap-reason';
import { rangeOf, rangePayload } from './tasks/key-range';

const identity = { system: '1', fork: '1' };
const other = { system: '1', fork: '2' };
const record: PipelineRecord = { name: 'shop', paused: false, streamError: null, identity, gapReason: null };

describe('a log gap before the checkpoint', () => {
  const start = { created: false, identity };
  const status = { gap: null };
  it.each([
    ['none while capture goes on below the checkpoint', { start, record, status }, null],
    ['none for a first identity', { start, record: { ...record, identity: null }, status }, null],
    ['capture created under a standing checkpoint', { start: { ...start, created: true }, record, status }, /created again/],
    ['capture created before a crash: its state tells', { start, record, status: { gap: 'it stands above the checkpoint' } }, /above the checkpoint/],
    ['another log', { start: { ...start, identity: other }, record, status }, /another one/],
    ['one noted earlier keeps its reason', { start, record: { ...record, gapReason: 'slot dropped' }, status }, /^slot dropped$/],
  ])('%s', (_name, found, expected) => {
    const reason = gapBeforeCheckpoints(found);
    if (expected === null) expect(reason).toBeNull();
    else expect(reason).toMatch(expected);
  });
});

describe('a log gap when reading begins', () => {
  const status = { gap: null };
  it.each([
    ['none where capture continues', { recorded: identity, identity, status }, null],
    ['what capture says of itself', { recorded: identity, identity, status: { gap: 'the slot is gone' } }, /gone/],
    ['another server', { recorded: identity, identity: other, status }, /another server/],
  ])('%s', (_name, found, expected) => {
    const reason = gapAtStart(found);
    if (expected === null) expect(reason).toBeNull();
    else expect(reason).toMatch(expected);
  });
});

test.each([
  ['a pipeline nobody knows', null, true, 'unprepared'],
  ['one without a checkpoint', record, false, 'unprepared'],
  ['a paused one', { ...record, paused: true }, true, 'paused'],
  ['one with a gap, paused or not', { ...record, paused: true, gapReason: 'x' }, true, 'gap'],
  ['one that stopped for an error', { ...record, streamError: 'x' }, true, 'halted'],
  ['a prepared one', record, true, 'go'],
] as const)('the stream of %s: %#', (_name, r, prepared, expected) => {
  const ready = streamReadiness(r, prepared);
  expect(ready.go ? 'go' : ready.because).toBe(expected);
});

describe('the guard of the retained log', () => {
  const state: WalState = { retainedBytes: 100, limitBytes: 100, policy: 'resume', paused: false, exceededForMs: 0, graceMs: 60 };
  it.each([
    ['says nothing below half', { retainedBytes: 49 }, 'ok'],
    ['says nothing where nothing is known', { retainedBytes: null }, 'ok'],
    ['says nothing where there is no limit', { limitBytes: 0, retainedBytes: 10_000, policy: 'drop' }, 'ok'],
    ['warns from half on', { retainedBytes: 50 }, 'warn'],
    ['drops at the limit', { policy: 'drop' }, 'drop'],
    ['drops at the limit while paused', { policy: 'drop', paused: true }, 'drop'],
    ['lifts a pause first, if so wanted', { paused: true, exceededForMs: 1_000 }, 'resume'],
    ['gives the resumed stream some time', { exceededForMs: 59 }, 'warn'],
    ['drops after all when that did not help', { exceededForMs: 60 }, 'drop'],
  ] as const)('%s', (_name, change, expected) => {
    expect(guardWal({ ...state, ...change })).toBe(expected);
  });
});

describe('a run for a log gap', () => {
  const gap = { gapReason: 'slot gone', paused: false };
  const run = (state: Run['state'], reason: Run['reason'], finishedAgoMs = 0): Run =>
    ({ id: 'r', pipeline: 'shop', reason, state, stages: RUN_STAGES, scope: {}, tables: [], error: null, createdAt: new Date(0), startedAt: null, finishedAt: new Date(1_000_000 - finishedAgoMs) });
  it.each([
    ['none without a gap', { ...gap, gapReason: null }, null, false],
    ['none while paused', { ...gap, paused: true }, null, false],
    ['one after a finished run', gap, run('succeeded', 'initial'), true],
    ['none beside an active run', gap, run('running', 'manual'), false],
    ['one at once after a run that the gap overtook', gap, run('failed', 'initial'), true],
    ['none at once after a failed one of its kind', gap, run('failed', 'log-gap', GAP_RETRY_MS - 1), false],
    ['another a while after a failed one of its kind', gap, run('failed', 'log-gap', GAP_RETRY_MS), true],
    ['none after one of its kind was cancelled', gap, run('cancelled', 'log-gap', GAP_RETRY_MS), false],
  ])('%s', (_name, r, latest, expected) => {
    expect(gapRunDue(r, latest, 1_000_000)).toBe(expected);
  });
});

test('lag is computed when asked, and never negative', () => {
  expect(lagMs(null, 5_000)).toBeNull();
  expect(lagMs(2_000_000n, 5_000)).toBe(3_000);
  expect(lagMs(9_000_000n, 5_000)).toBe(0);
});

test('progress counts done tasks of one stage and table', () => {
  const summary = [
    { table: 't', kind: 'preload-chunk', state: 'done', tasks: 3, rows: 300 },
    { table: 't', kind: 'preload-chunk', state: 'running', tasks: 1, rows: 0 },
    { table: 't', kind: 'preload-chunk', state: 'pending', tasks: 2, rows: 0 },
    { table: 'u', kind: 'preload-chunk', state: 'done', tasks: 9, rows: 900 },
    { table: 't', kind: 'open-table', state: 'done', tasks: 1, rows: 0 },
  ] as const;
  expect(stageProgress(summary, 'preload-chunk', 't')).toEqual({ done: 3, total: 6, rows: 300 });
});

test('a range survives a task payload, and anything else is refused', () => {
  for (const range of [{ from: null, to: null }, { from: ['1', 'a'], to: null }, { from: null, to: ['z'] }]) {
    expect(rangeOf(JSON.parse(JSON.stringify(rangePayload(range))))).toEqual(range);
  }
  expect(() => rangeOf({ from: 5, to: null })).toThrow(/no range of keys/);
});

test('validation has workers of its own', () => {
  expect((['prepare', 'open-table', 'preload-chunk', 'finish-table', 'plan-validation', 'validate-chunk'] as const).map(queueOf)).toEqual(['preload', 'preload', 'preload', 'preload', 'validate', 'validate']);
});
