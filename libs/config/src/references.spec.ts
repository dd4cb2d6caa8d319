import { resolveReferences } from './references';

const env = { A: 'one', EMPTY: '', DOLLAR: '${A}' };

describe('environment references', () => {
  it.each([
    ['${A}', 'one'],
    ['x-${A}-${A}', 'x-one-one'],
    ['${NONE:-two}', 'two'],
    ['${NONE:-}', ''],
    ['${EMPTY:-two}', 'two'],
    ['${NONE:-a:-b c}', 'a:-b c'],
    ['$${A}', '${A}'],
    ['$A $ {A}', '$A $ {A}'],
    ['${DOLLAR}', '${A}'],
  ])('%s → %s', (text, resolved) => expect(resolveReferences(text, env)).toEqual({ value: resolved, problems: [] }));

  it('are resolved in texts at any depth, in no key and in no other value', () => {
    expect(resolveReferences({ '${A}': [{ a: '${A}' }, 1, null, true] }, env).value).toEqual({ '${A}': [{ a: 'one' }, 1, null, true] });
  });

  it.each([
    ['${NONE}', 'refers to the environment variable NONE, which is not set'],
    ['${EMPTY}', 'refers to the environment variable EMPTY, which is not set'],
    ['${A B}', '${A B} is no reference'],
    ['${}', '${} is no reference'],
  ])('%s is a problem that names the setting and the variable', (text, message) => {
    const { problems } = resolveReferences({ source: [text] }, env);
    expect(problems).toEqual([{ path: ['source', 0], message: expect.stringContaining(message) }]);
  });
});
