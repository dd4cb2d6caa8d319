/** Digits that always survive (C's FLT_DIG, DBL_DIG): PostgreSQL prints an exponent from there on. */
const SAFE_DIGITS = { 32: 6, 64: 15 } as const;

/**
 * A float → the shortest text that reads back to the same bits, in PostgreSQL's spelling (`1e+15`, `1e-05`, `-0`, `NaN`,
 * `Infinity`), so that a value looks the same whichever way it came. A JS number *is* an IEEE double: it holds every
 * value of both widths. For 32 bits `value` has to be one of them (`Math.fround`).
 */
export function floatText(value: number, bits: 32 | 64): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const size = Math.abs(value);
  if (bits === 64 && size >= 1e-4 && size < 1e15) return String(value);
  return spell(bits === 32 ? shortest32(value) : value.toExponential(), SAFE_DIGITS[bits]);
}

/** The fewest digits that read back to the same 32 bits. */
function shortest32(value: number): string {
  for (let digits = 0; digits < 8; digits++) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toExponential(8);
}

/** `-1.25e+7` → plain digits, or an exponent of at least two. */
function spell(exponential: string, safeDigits: number): string {
  const [mantissa = '', power = '0'] = exponential.split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= safeDigits) {
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const minus = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '');
  if (exponent < 0) return `${minus}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1);
  return fraction === '' ? minus + whole : `${minus}${whole}.${fraction}`;
}
