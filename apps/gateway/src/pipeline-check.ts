import { checkPipelineText, type ConfigProblem, type Environment, type PipelineConfig } from '@elstream/config';
import { redactText } from '@elstream/observability';
import { type PipelineCheck, type PipelineProblem } from './services';

/** Connects to both databases of a valid file for the check alone; sentences about what is wrong there. */
export type CheckDatabases = (config: PipelineConfig) => Promise<readonly string[]>;

const NAME_IN_PROBLEMS = 'pipeline.yaml';

/**
 * Checks the text of a pipeline file. The text comes from outside while `${…}` references are answered from our own
 * environment, so a reference must not become a way to read it: values are cut out of the answer, and nothing is
 * connected to unless each referenced value is a whole connection URL or the key of a mask. Otherwise
 * `postgres://u:${API_TOKEN}@elsewhere/` would send the token there.
 */
export function createPipelineChecker(env: Environment, checkDatabases: CheckDatabases) {
  return async (yaml: string, { connect }: { readonly connect: boolean }): Promise<PipelineCheck> => {
    const used = new Map<string, string>();
    const checked = checkPipelineText(yaml, NAME_IN_PROBLEMS, recording(env, used));
    const hide = (text: string): string => redactText(hideValues(text, used));
    const answer = (config: PipelineConfig | null, problems: readonly PipelineProblem[]): PipelineCheck => ({
      valid: problems.length === 0,
      pipeline: config === null ? null : hide(config.name),
      problems: problems.map((problem) => ({ ...problem, message: hide(problem.message) })),
      warnings: checked.warnings.map(fromConfig).map((problem) => ({ ...problem, message: hide(problem.message) })),
    });
    const { config } = checked;
    if (config === null) return answer(null, checked.problems.map(fromConfig));
    if (!connect) return answer(config, []);
    const leaking = leakingReference(config, used);
    if (leaking !== null) return answer(config, [leaking]);
    const messages = await checkDatabases(config);
    return answer(config, messages.map((message) => ({ setting: null, line: null, message })));
  };
}

function fromConfig({ setting, line, message }: ConfigProblem): PipelineProblem {
  return { setting: setting === '' ? null : setting, line, message };
}

/** The environment, noting which variables were asked for. */
function recording(env: Environment, used: Map<string, string>): Environment {
  return new Proxy(env, {
    get: (target, name) => {
      const value = typeof name === 'string' ? target[name] : undefined;
      if (typeof name === 'string' && value !== undefined && value !== '') used.set(name, value);
      return value;
    },
  });
}

function hideValues(text: string, used: ReadonlyMap<string, string>): string {
  return [...used].sort(([, a], [, b]) => b.length - a.length).reduce((hidden, [name, value]) => hidden.replaceAll(value, `\${${name}}`), text);
}

/** Addresses: what is no URL or host:port is refused as such, so a token cannot be one. */
const WHOLE_VALUES = /^(?:source\.url|source\.readUrl|warehouse\.url|stream\.connect\.url|stream\.brokers\.\d+)$/;

function leakingReference(config: PipelineConfig, used: ReadonlyMap<string, string>): PipelineProblem | null {
  for (const [path, text] of texts(config, [])) {
    const setting = path.join('.');
    const own = WHOLE_VALUES.test(setting) || path.at(-1) === 'secret';
    for (const [name, value] of used) {
      if (!text.toLowerCase().includes(value.toLowerCase()) || (own && text === value)) continue;
      const message = `holds the value of \${${name}}; for a check that connects a reference may only stand for a whole url or the key of a mask, so that no secret travels elsewhere`;
      return { setting, line: null, message };
    }
  }
  return null;
}

/** Every text in the configuration with its path; references stand in texts only, never in names of settings. */
function texts(node: unknown, path: readonly string[]): [readonly string[], string][] {
  if (typeof node === 'string') return [[path, node]];
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => texts(value, [...path, key]));
}
