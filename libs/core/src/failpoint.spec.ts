import { failpoint, setFailpointHandler, type Rule } from './failpoint';

describe('a failpoint', () => {
  afterEach(() => setFailpointHandler(null));

  it('does nothing until a handler is installed, then awaits it', async () => {
    await failpoint('batch:taken');
    const seen: string[] = [];
    setFailpointHandler(async (name) => {
      await Promise.resolve();
      seen.push(name);
    });
    await failpoint('batch:taken');
    await failpoint('chunk:staged');
    expect(seen).toEqual(['batch:taken', 'chunk:staged']);
    setFailpointHandler(null);
    await failpoint('batch:taken');
    expect(seen).toHaveLength(2);
  });

  it('stops the caller with the error the handler throws', async () => {
    setFailpointHandler(() => {
      throw new Error('killed here');
    });
    await expect(failpoint('batch:before-commit')).rejects.toThrow('killed here');
  });
});

describe('a rule', () => {
  /** The module as a process started with this environment loads it. */
  const load = (env: string, sabotage: string): { ruleHolds: (rule: Rule) => boolean } => {
    jest.resetModules();
    process.env['NODE_ENV'] = env;
    process.env['ELSTREAM_SABOTAGE'] = sabotage;
    return jest.requireActual('./failpoint');
  };

  afterEach(() => {
    process.env['NODE_ENV'] = 'test';
    delete process.env['ELSTREAM_SABOTAGE'];
    jest.resetModules();
  });

  it.each([
    ['test', '', true, true],
    ['test', 'R6-fold', false, true],
    ['test', 'R6-fold,R4-exclusion', false, false],
    ['production', 'R6-fold', true, true],
  ])('in NODE_ENV %s with sabotage %p: fold %p, exclusion %p', (...[env, sabotage, fold, exclusion]) => {
    const { ruleHolds } = load(env, sabotage);
    expect([ruleHolds('R6-fold'), ruleHolds('R4-exclusion')]).toEqual([fold, exclusion]);
  });
});
