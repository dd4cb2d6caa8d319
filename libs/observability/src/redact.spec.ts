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

  it.each([
    ['REDIS_URL', 'connect to redis://:s3cret@cache:6379/0 failed'],
    ['REDIS_URL with a user', 'redis://default:s3cret@cache'],
    ['REDIS_URL over TLS', 'REDIS_URL=rediss://app:s3cret@cache:6380'],
    ['a password that holds a colon', 'redis://:a:s3cret@cache'],
    ['a password that makes the URL invalid', 'Invalid URL: redis://:s3/s3cret#s3cret@cache:6379'],
    ['a password before a host without scheme', 'no answer of :s3cret@cache:6379'],
    ['user and password before a host without scheme', 'hosts are (app:s3cret@cache:6379, b:s3cret@[::1]:6379)'],
    ['the sentinels\' password', 'REDIS_SENTINEL_PASSWORD=s3cret REDIS_SENTINELS=a:26379,b:26379'],
    ['options as Node shows them', "{ host: 'cache', password: 's3cret', sentinelPassword: 's3cret' }"],
    ['options as JSON', '{"host":"cache","password":"s3cret","sentinelPassword":"s3cret"}'],
    ['API_TOKEN', 'API_TOKEN=s3cret'],
    ['a request\'s header', 'Authorization: Bearer s3cret'],
    ['a header as JSON', '{"authorization":"Bearer s3cret"}'],
    ['a token by itself', 'the server refused Bearer s3cret.s3cret'],
    ['basic authentication', 'authorization=Basic%20s3cret'],
    ['the exporter\'s headers', 'OTEL_EXPORTER_OTLP_HEADERS=x-team=s3cret,x-other=s3cret'],
    ['the exporter\'s headers for traces', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS="x-team=s3cret, y=s3cret"'],
  ])('hides %s', (_name, text) => {
    const shown = redactText(text);
    expect(shown).not.toContain('s3cret');
    expect(shown).toContain('[redacted]');
    expect(redactText(shown)).toBe(shown);
  });

  it.each([
    'id=5, region=eu at https://example.org/a@b',
    'http://127.0.0.1:8400/health/ready answers user@example.org',
    'redis://cache:6379/0 and rediss://app@cache:6380',
    'API_TOKEN: is missing; set a bearer token or HTTP_HOST=127.0.0.1',
    'connect ECONNREFUSED ::1:6379 at 10:12:13',
    'table public.t: position 0/16B3748, epoch 3: 12 rows',
  ])('leaves other text as it is: %s', (text) => expect(redactText(text)).toBe(text));

  it('keeps the host of every URL in a list', () => {
    expect(redactText('redis://:a1@one:6379,redis://:b2@two:6379')).toMatch(/one:6379.*@two:6379/);
  });
});
