import { captureSteps } from './capture';
import { type Config, type Drift } from './config';
import { type Model } from './engine';
import { check, stuck } from './invariants';
import { at, KEYS, NONE, PRELOAD, STREAM } from './layout';
import { deadLetterSteps, operationSteps } from './operations';
import { preloadSteps } from './preload';
import { repairSteps } from './repair';
import { sourceSteps } from './source';
import { streamerSteps } from './streamer';
import { showRows, showValue, World } from './world';

/** The model of R2–R7 and R9 at these bounds and rules: two keys, every interleaving of every actor's atomic steps. */
export function createModel(config: Config): Model {
  const w = new World(config);
  return {
    size: w.f.size,
    initialStates: () => initialStates(w),
    next(state, emit, labelled) {
      w.leave(state, emit, labelled);
      sourceSteps(w);
      captureSteps(w);
      streamerSteps(w);
      preloadSteps(w);
      operationSteps(w);
      repairSteps(w);
      deadLetterSteps(w);
    },
    check: (state) => check(w, state),
    stuck: (state) => stuck(w, state),
    show: (s) => `source a=${showValue(at(s, w.f.sourceValue))} b=${showValue(at(s, w.f.sourceValue + 1))}; warehouse ${showRows(w, s)}`,
  };
}

function initialStates(w: World): Uint8Array[] {
  const { inits, drifts, start } = w.config;
  const choices: readonly Drift[] = start === 'live' ? drifts : ['ok:s'];
  return inits.flatMap((holds) => choices.flatMap((a) => choices.map((b) => initialState(w, holds, [a, b]))));
}

function initialState(w: World, holds: readonly [number, number], drifts: readonly [Drift, Drift]): Uint8Array {
  const { f, config } = w;
  const s = new Uint8Array(f.size);
  s[f.zombieAt] = NONE;
  s[f.previousCommit] = NONE;
  s[f.openTx] = config.openTransaction ? 1 : 0;
  for (const k of KEYS) {
    const value = holds[k] === 1 ? 0x40 + k : 0;
    for (const field of [f.sourceValue, f.sourceExtra, f.visibleValue, f.visibleExtra, f.valueAtCapture, f.initialValue]) s[field + k] = value;
  }
  if (config.start === 'live') {
    s[f.capturing] = s[f.epoch] = s[f.live] = 1;
    s[f.clock] = 2;
    for (const k of KEYS) drift(w, s, k, drifts[k]);
    if (config.epochRead === 'by process') s.fill(1, f.streamerEpoch, f.streamerEpoch + config.streamers);
  }
  s[f.emptyLeft] = config.emptyTransactions;
  s[f.crashesLeft] = config.connectorCrashes;
  s[f.reloadsLeft] = config.reloads;
  s[f.resetsLeft] = config.resets;
  s[f.retentionsLeft] = config.retentions;
  s[f.gapsLeft] = config.gaps;
  s[f.restoresLeft] = config.restores;
  s[f.repairsLeft] = config.repairs;
  s[f.parksLeft] = config.parks;
  return s;
}

/** The row a live table begins with; a drifted one is a difference that only a preload or repair must heal. */
function drift(w: World, s: Uint8Array, k: number, drift: Drift): void {
  const { f } = w;
  const source = at(s, f.sourceValue + k);
  const wrong = 0x50 + k;
  const value = drift === 'missing' ? 0 : drift === 'wrong:s' ? wrong : source;
  s[f.drifted + k] = drift.startsWith('ok') ? 0 : 1;
  if (value === 0) return;
  const stream = drift !== 'ok:p';
  s[f.rowValue + k] = value;
  s[f.rowExtra + k] = drift === 'wrongY:s' ? wrong : value;
  s[f.rowEpoch + k] = 1;
  s[f.rowKind + k] = stream ? STREAM : PRELOAD;
  s[f.rowPosition + k] = stream ? 1 : 0;
}
