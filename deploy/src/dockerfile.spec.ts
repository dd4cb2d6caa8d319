import { readFileSync } from 'node:fs';
import path from 'node:path';
import { baseImages, dockerfileProblems } from './dockerfile';

const text = readFileSync(path.join(__dirname, '..', 'docker', 'Dockerfile'), 'utf8');

it('breaks no rule', () => {
  expect(dockerfileProblems(text)).toEqual([]);
});

it('starts both stages from one image', () => {
  expect(new Set(baseImages(text)).size).toBe(1);
});

const slips: [string, RegExp, string, string][] = [
  ['a secret in ARG', /ARG and ENV/, 'ARG REVISION=unknown', 'ARG NPM_TOKEN'],
  ['a secret in ENV', /ARG and ENV/, 'HTTP_PORT=8400', 'API_TOKEN=x'],
  ['a connection URL in ENV', /ARG and ENV/, 'HTTP_PORT=8400', 'REDIS_URL=redis://redis'],
  ['a named user', /USER/, 'USER 10001:10001', 'USER node'],
  ['root', /USER/, 'USER 10001:10001', 'USER 0'],
  ['no user', /USER/, 'USER 10001:10001\n', ''],
  ['latest', /pinned/, 'node:20.19.5-bookworm-slim', 'node:latest'],
  ['no version', /pinned/, 'node:20.19.5-bookworm-slim', 'node'],
  ['no health check', /HEALTHCHECK/, 'HEALTHCHECK --interval', '# HEALTHCHECK --interval'],
  ['a command in a shell', /lists/, 'CMD ["node", "gateway.cjs"]', 'CMD node gateway.cjs'],
  ['sources in the image', /last stage/, 'COPY --from=build /bundle ./', 'COPY --from=build /bundle ./\nCOPY . .'],
  ['a folder elsewhere', /WORKDIR/, 'WORKDIR /app', 'WORKDIR /srv'],
  ['npm install', /npm ci/, 'npm ci --ignore-scripts', 'npm install'],
];
it.each(slips)('would be refused with %s', (_slip, pattern, from, to) => {
  const slipped = text.replace(from, to);
  expect(slipped).not.toBe(text);
  expect(dockerfileProblems(slipped).join('\n')).toMatch(pattern);
});
