const SECRET_SETTING = /password|passwd|secret|credential|token|jaas|passphrase|\.key$|keystore\.key/i;

/** Takes secret values of a connector's settings out of texts that others wrote (R10). */
export class Redactor {
  private readonly values: readonly string[];

  constructor(config: Readonly<Record<string, string>>) {
    // Longest first: one may be part of another. A value of one or two letters would take half the text with it, and hides nothing.
    this.values = Object.entries(config)
      .flatMap(([key, value]) => (SECRET_SETTING.test(key) && value.length > 2 ? [value] : []))
      .sort((a, b) => b.length - a.length);
  }

  redact(text: string): string {
    return this.values.reduce((safe, value) => safe.replaceAll(value, '***'), text);
  }
}

/** The settings with the values of secrets hidden. Also references to secrets: which they are is nobody's business. */
export function maskSecrets(config: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, SECRET_SETTING.test(key) && value !== '' ? '***' : value]));
}
