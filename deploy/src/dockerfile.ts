import { DockerfileParser, type Instruction } from 'dockerfile-ast';

const SECRET = /pass(word|wd)?|secret|token|api_?key|credential|_URL\b/i;

interface Rule {
  readonly says: string;
  broken(instructions: readonly Instruction[]): boolean;
}

const of = (instructions: readonly Instruction[], keyword: string): Instruction[] => instructions.filter((instruction) => instruction.getKeyword() === keyword);
const textOf = (instruction: Instruction | undefined): string => instruction?.getArgumentsContent() ?? '';
/** Those of the last stage, which becomes the image. */
const last = (instructions: readonly Instruction[]): Instruction[] => instructions.slice(instructions.map((i) => i.getKeyword()).lastIndexOf('FROM'));

function defaultsOf(instructions: readonly Instruction[]): Map<string, string> {
  return new Map(of(instructions, 'ARG').map((arg) => {
    const [name = '', ...value] = textOf(arg).split('=');
    return [name, value.join('=')];
  }));
}

/** The images the stages start from, ARG defaults filled in; names of earlier stages left out. */
export function baseImages(text: string): string[] {
  const instructions = DockerfileParser.parse(text).getInstructions();
  const args = defaultsOf(instructions);
  const stages = of(instructions, 'FROM').map((from) => textOf(from).split(/\s+AS\s+/i));
  const names = stages.map(([, name]) => name);
  return stages.map(([image = '']) => image.replace(/\$\{?(\w+)\}?/g, (_whole, name: string) => args.get(name) ?? '')).filter((image) => !names.includes(image));
}

const rules: readonly Rule[] = [
  { says: 'ARG and ENV hold no secret: they stay in the image', broken: (all) => [...of(all, 'ARG'), ...of(all, 'ENV')].some((i) => SECRET.test(textOf(i))) },
  { says: 'no file of secrets is copied', broken: (all) => [...of(all, 'COPY'), ...of(all, 'ADD')].some((i) => /\.env\b|\.pem\b|\.key\b|\.npmrc\b|id_rsa/i.test(textOf(i))) },
  { says: 'ADD fetches and unpacks; COPY copies', broken: (all) => of(all, 'ADD').length > 0 },
  { says: 'the image is built in one stage and shipped in another', broken: (all) => of(all, 'FROM').length < 2 || !of(last(all), 'COPY').some((i) => /--from=/.test(i.getRange() ? i.getTextContent() : '')) },
  { says: 'the last stage takes only what another stage made', broken: (all) => of(last(all), 'COPY').some((i) => !i.getTextContent().includes('--from=')) },
  { says: 'USER is a number other than 0, so that runAsNonRoot can be checked', broken: (all) => !/^[1-9]\d*(:\d+)?$/.test(textOf(of(last(all), 'USER').at(-1))) },
  { says: 'no step after USER writes to the image', broken: (all) => ['RUN', 'COPY'].some((keyword) => last(all).map((i) => i.getKeyword()).lastIndexOf(keyword) > last(all).map((i) => i.getKeyword()).lastIndexOf('USER')) },
  { says: 'there is a HEALTHCHECK', broken: (all) => of(last(all), 'HEALTHCHECK').length !== 1 },
  { says: 'CMD and HEALTHCHECK are lists: a shell would not pass SIGTERM on, and may be missing', broken: (all) => [...of(last(all), 'CMD'), ...of(last(all), 'HEALTHCHECK')].some((i) => !/(^|CMD\s*)\[/.test(textOf(i))) },
  { says: 'WORKDIR is /app, as commands and PIPELINES_DIR are relative to it', broken: (all) => textOf(of(last(all), 'WORKDIR').at(-1)) !== '/app' },
  { says: 'labels name version and licence', broken: (all) => !['title', 'version', 'revision', 'licenses'].every((label) => of(last(all), 'LABEL').some((i) => textOf(i).includes(`org.opencontainers.image.${label}`))) },
  { says: 'npm ci installs what the lock file says', broken: (all) => of(all, 'RUN').some((i) => /\bnpm (i|install)\b/.test(i.getTextContent())) },
];

/** The health check's command as a list; empty if there is none. */
export function healthCommand(text: string): string[] {
  const [check] = of(DockerfileParser.parse(text).getInstructions(), 'HEALTHCHECK');
  const list = /\[.*\]$/s.exec(textOf(check))?.[0];
  return list === undefined ? [] : (JSON.parse(list) as string[]);
}

/** The rules a Dockerfile breaks. */
export function dockerfileProblems(text: string): string[] {
  const instructions = DockerfileParser.parse(text).getInstructions();
  const images = baseImages(text).filter((image) => !/:[\w.-]*\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$/.test(image));
  return [...rules.filter((rule) => rule.broken(instructions)).map((rule) => rule.says), ...images.map((image) => `the base image ${image} is pinned to no version`)];
}
