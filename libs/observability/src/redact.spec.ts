import { redactText, redactUrl } from './index';

describe('redactUrl', () => {
  it.each([
    ['postgres://app:pw@db:5432/shop', 'postgres://app:[redacted]@db:5432/shop'],
    ['postgres://app@db/shop', 'postgres://app@db/shop'],
    ['postgres://db/shop?sslpassword=pw&sslmode=require', 'postgres://db/shop?sslpassword=[redacted]&sslmode=require'],
    ['redis://:pw@cache:6379', 'redis://:[redacted]@cache:6379'],
    ['host=db password=pw', '[redacted]'],
    ['pw', '[redacted]'],
  ])('%s → %s', (url, shown) => expect(redactUrl(url)).toBe(shown));
});

describe('redactText', () => {
  it('hides every secret of a text that holds several', () => {
    const text = redactText('from postgres://a:s3cret@x/y to mssql://b:s3cret@z; api_key=s3cret, token = s3cret');
    expect(text).not.toContain('s3cret');
    expect(text).toContain('x/y to mssql://b:');
  });

  it('leaves other text as it is', () => {
    expect(redactText('id=5, region=eu at https://example.org/a@b')).toBe('id=5, region=eu at https://example.org/a@b');
  });
});
