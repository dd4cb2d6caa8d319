import { z } from 'zod';

/**
 * Builders of settings. One zod schema is the single source of a setting's type, default, unit and help: validation,
 * the JSON Schema for editors and the settings page are all made from it.
 */
export interface SettingHelp {
  /** One line for people. */
  readonly help: string;
  readonly unit?: string;
}

export interface Bounds extends SettingHelp {
  readonly min: number;
  readonly max: number;
  /** As a person would write it. */
  readonly default: number | string;
}

type Unset = Omit<Bounds, 'default'>;

type Quantity = 'integer' | 'bytes' | 'milliseconds';

const SCALES: Readonly<Record<Quantity, Readonly<Record<string, number>>>> = {
  integer: {},
  bytes: { b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
  milliseconds: { ms: 1, s: 1e3, min: 6e4, h: 3.6e6, d: 8.64e7 },
};

const EXAMPLES: Readonly<Record<Quantity, string>> = {
  integer: 'a whole number',
  bytes: 'a number of bytes or a size such as 512MiB or 10GiB',
  milliseconds: 'a number of milliseconds or a duration such as 250ms, 10s or 5min',
};

/** Text or number → a whole number in base units; null: not understood. `10GiB` → 10737418240, `10min` → 600000. */
export function parseQuantity(text: string | number, quantity: Quantity): number | null {
  if (typeof text === 'number') return Number.isSafeInteger(text) ? text : null;
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const [, digits, unit] = match ?? [];
  if (digits === undefined || unit === undefined) return null;
  const scale = unit === '' ? 1 : SCALES[quantity][unit.toLowerCase()];
  const value = scale === undefined ? NaN : Number(digits) * scale;
  return Number.isSafeInteger(value) ? value : null;
}

function quantity(kind: Quantity, bounds: Unset) {
  const wanted = `must be ${EXAMPLES[kind]}, from ${bounds.min} to ${bounds.max}`;
  const { min, max } = bounds;
  return z
    .union([z.number(), z.string()], { error: wanted })
    .transform((given, context) => {
      const value = parseQuantity(given, kind);
      if (value !== null && value >= min && value <= max) return value;
      context.addIssue({ code: 'custom', message: wanted });
      return z.NEVER;
    })
    .meta(describe(kind, bounds));
}

function describe(kind: Quantity, { help, unit, min, max }: Unset) {
  return { description: help, 'x-unit': unit ?? kind, 'x-kind': kind, 'x-min': min, 'x-max': max };
}

const withDefault = (kind: Quantity, bounds: Bounds) => quantity(kind, bounds).prefault(bounds.default).meta(describe(kind, bounds));

const withoutDefault = (kind: Quantity, bounds: Unset, fallback: string) =>
  quantity(kind, bounds)
    .optional()
    .meta({ ...describe(kind, bounds), 'x-default': fallback });

/** A whole number; text of digits counts too, so that an environment reference can give it. */
export const integer = (bounds: Bounds) => withDefault('integer', bounds);
/** The same, undefined where not set. */
export const optionalInteger = (bounds: Unset, fallback: string) => withoutDefault('integer', bounds, fallback);
/** Sizes and durations that may be left out, undefined then. */
export const optionalBytes = (bounds: Unset, fallback: string) => withoutDefault('bytes', bounds, fallback);
export const optionalMilliseconds = (bounds: Unset, fallback: string) => withoutDefault('milliseconds', bounds, fallback);
/** A size; output in bytes. */
export const bytes = (bounds: Bounds) => withDefault('bytes', bounds);
/** A duration; output in milliseconds. */
export const milliseconds = (bounds: Bounds) => withDefault('milliseconds', bounds);

/** Text that passes `check`; `wanted` completes "must be …". */
export function text(help: string, wanted: string, check: (value: string) => boolean) {
  return z.string({ error: `must be ${wanted}` }).refine(check, { error: `must be ${wanted}` }).meta({ description: help });
}

/** A setting that may be left out; `fallback` says in words what then holds. */
export function unset<S extends z.ZodType>(schema: S, help: string, fallback: string) {
  return schema.optional().meta({ description: help, 'x-default': fallback });
}

/** One of a few words. */
export function choice<const V extends readonly [string, ...string[]]>(values: V, fallback: V[number], help: string) {
  return z
    .enum(values, { error: `must be ${values.map((v) => `'${v}'`).join(' or ')}` })
    .default(fallback as never)
    .meta({ description: help });
}

function yesOrNo() {
  const wanted = 'must be true or false';
  return z.union([z.boolean(), z.string()], { error: wanted }).transform((given, context) => {
    if (typeof given === 'boolean' || given === 'true' || given === 'false') return given === true || given === 'true';
    context.addIssue({ code: 'custom', message: wanted });
    return z.NEVER;
  });
}

const YES_OR_NO = '`true`, `false`';

/** Yes or no, by default no; the words count too, so that an environment reference can give them. */
export const flag = (help: string) => yesOrNo().prefault(false).meta({ description: help, 'x-unit': YES_OR_NO });
/** The same, undefined where not set. */
export const optionalFlag = (help: string, fallback: 'true' | 'false') => yesOrNo().optional().meta({ description: help, 'x-unit': YES_OR_NO, 'x-default': `\`${fallback}\`` });
