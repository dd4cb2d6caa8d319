import { CHECKS, forSpec } from './checks';
import { explore } from './engine';
import { createModel } from './model';

/**
 * The rules, searched exhaustively: the transitions call the product's own decisions, so a wrong decision in
 * `@elstream/core` turns a check red here. `npm run model` does the same at the full bounds.
 */
// by states, not by time: a slow machine must not turn a check red
const limits = { maxStates: 1_000_000, maxMs: Infinity };
const found = (check: (typeof CHECKS)[number]) => {
  const { outcome, problem, trace } = explore(createModel(check.config), limits);
  return { outcome, trace: problem !== null && outcome !== check.expected ? [problem, ...trace] : [] };
};

describe('the rules as written, and variants found safe, hold in every state', () => {
  it.each(CHECKS.filter((c) => c.expected === 'holds').map(forSpec))('$name', (check) => {
    expect(found(check)).toEqual({ outcome: 'holds', trace: [] });
  });
});

describe('each wrong variant loses or doubles a row, and the search finds it', () => {
  it.each(CHECKS.filter((c) => c.expected === 'violated').map(forSpec))('$name', (check) => {
    expect(found(check)).toEqual({ outcome: 'violated', trace: [] });
  });
});

describe('the checks', () => {
  it('are the 86 of the model, each with a name of its own', () => {
    expect(CHECKS.map((c) => c.expected).sort()).toEqual([...Array<string>(39).fill('holds'), ...Array<string>(47).fill('violated')]);
    expect(new Set(CHECKS.map((c) => c.name)).size).toBe(CHECKS.length);
  });
});
