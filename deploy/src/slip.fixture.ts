import { type KubernetesObject } from '@elstream/servers';

/** A change of one field: object (`Kind name`), path (segments by spaces; `name=x` finds a list's element, `+` adds one), value (undefined: without it). */
export type Slip = readonly [object: string, path: string, value: unknown];

/** A copy of the rendered objects with one slip in it. Throws if the slip hits nothing. */
export function slipped(objects: readonly KubernetesObject[], [target, path, value]: Slip): KubernetesObject[] {
  const copy = structuredClone(objects) as KubernetesObject[];
  const segments = path.split(' ');
  const key = segments.pop() ?? '';
  let at: unknown = copy.find(({ kind, metadata }) => `${kind} ${metadata.name}` === target);
  for (const segment of segments) at = child(at, segment);
  if (typeof at !== 'object' || at === null) throw new Error(`${target} has no ${path}`);
  if (Array.isArray(at)) {
    if (key === '+') at.push(value);
    else at.splice(indexIn(at, key), 1, ...(value === undefined ? [] : [value]));
  } else if (value === undefined) {
    if (!Reflect.has(at, key)) throw new Error(`${target} has no ${path}`);
    Reflect.deleteProperty(at, key);
  } else Reflect.set(at, key, value);
  return copy;
}

function child(at: unknown, segment: string): unknown {
  if (Array.isArray(at)) return at[indexIn(at, segment)];
  return typeof at === 'object' && at !== null ? Reflect.get(at, segment) : undefined;
}

function indexIn(list: readonly unknown[], segment: string): number {
  const named = /^name=(.*)$/.exec(segment)?.[1];
  const index = named === undefined ? Number(segment) : list.findIndex((item) => typeof item === 'object' && item !== null && Reflect.get(item, 'name') === named);
  if (!(index in list)) throw new Error(`no element ${segment}`);
  return index;
}
