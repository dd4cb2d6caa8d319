/** Of a value with or without its schema; none where it is no JSON: what cannot be read is dealt with where it is decoded. */
export function fieldsOf(value: Buffer | null): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value?.toString('utf8') ?? '');
  } catch {
    return {};
  }
  if (typeof parsed !== 'object' || parsed === null) return {};
  const fields = parsed as Readonly<Record<string, unknown>>;
  return typeof fields['payload'] === 'object' && fields['payload'] !== null ? (fields['payload'] as Readonly<Record<string, unknown>>) : fields;
}
