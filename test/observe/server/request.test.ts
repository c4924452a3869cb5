import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkAccess, isLoopback } from '../../../src/observe/server/access.js';
import { parseRequest, type Request } from '../../../src/observe/server/request.js';

const parse = (...lines: string[]) => parseRequest(lines.join('\r\n'));

describe('the head of a request', () => {
  test('says what is asked for, by which name, and by whom', () => {
    expect(
      parse(
        ...['GET /metrics?a=b HTTP/1.1', 'hOST: [::1]:9464', 'Accept: */*', 'Accept: text/plain'],
        ...['Authorization:  Bearer x ', 'X-Prometheus-Scrape-Timeout-Seconds: 5'],
      ),
    ).toEqual({
      method: 'GET',
      path: '/metrics',
      query: new URLSearchParams('a=b'),
      host: '::1',
      authorization: 'Bearer x',
      accept: '*/*,text/plain',
      lastEventId: undefined,
      isScrape: true,
    });
  });

  test.each([
    [400, ['GET / HTTP/1.1']],
    [400, ['GET / HTTP/1.1', 'Host: a', 'Host: b']],
    [400, ['GET / HTTP/1.1', 'Host: a b']],
    [400, ['GET / HTTP/1.1', 'Host: a', 'no header']],
    [400, ['GET / HTTP/1.1', 'Host: a', ' folded: yes']],
    [400, ['GET http://a/ HTTP/1.1', 'Host: a']],
    [400, ['GET /\x07 HTTP/1.1', 'Host: a']],
    [400, ['get / HTTP/1.1', 'Host: a']],
    [400, ['GET / HTTP/1.1 x', 'Host: a']],
    [505, ['GET / HTTP/2.0', 'Host: a']],
    [505, ['GET /', 'Host: a']],
    [414, [`GET /${'x'.repeat(3000)} HTTP/1.1`, 'Host: a']],
  ])('is refused with %i: %j', (status, lines) => {
    expect(parse(...lines)).toMatchObject({ status });
  });

  test('of any bytes is a request or a refusal', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary-ascii' }),
      fc.constantFrom('GET / HTTP/1.1', 'Host: a', ':', 'Host:', ''),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const result = parseRequest(lines.join('\r\n'));
        if ('status' in result) expect(result.status).toBeGreaterThanOrEqual(400);
        else expect(result.path).toMatch(/^\/[\x21-\x7e]*$/);
      }),
    );
  });
});

describe('who may ask', () => {
  const request: Request = {
    ...{ method: 'GET', path: '/metrics', host: 'localhost' },
    ...{ authorization: undefined, accept: undefined, isScrape: false, lastEventId: undefined },
    query: new URLSearchParams(),
  };
  const access = { host: '127.0.0.1', hosts: [], token: null };

  test('names that lead here by chance or malice are refused, wherever the server listens', () => {
    fc.assert(
      fc.property(
        fc.domain(),
        fc.constantFrom('127.0.0.1', '::1', '0.0.0.0', '::', '10.1.2.3'),
        (host, address) => {
          const refusal = checkAccess({ ...access, host: address }, address, { ...request, host });
          expect(refusal?.status).toBe(403);
        },
      ),
    );
  });

  test('addresses are ours where others can reach us; loopback ones always', () => {
    const from = (host: string, address: string) =>
      checkAccess({ ...access, host: address }, address, { ...request, host })?.status;
    expect(from('10.1.2.3', '0.0.0.0')).toBeUndefined();
    expect(from('10.1.2.3', '127.0.0.1')).toBe(403);
    expect(from('127.1.2.3', '::1')).toBeUndefined();
    expect(from('localhost', '10.1.2.3')).toBeUndefined();
  });

  test('a token is compared whole', () => {
    const token = 'p:ss word'.replace(' ', '-');
    const show = (authorization: string | undefined) =>
      checkAccess({ ...access, token }, '127.0.0.1', { ...request, authorization })?.status;
    expect(show(undefined)).toBe(401);
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(text !== token);
        expect(show(`Bearer ${text}`)).toBe(401);
        expect(show(text)).toBe(401);
      }),
    );
    expect(show(`bearer ${token}`)).toBeUndefined();
    expect(show(`Basic ${btoa(`anybody:${token}`)}`)).toBeUndefined();
    expect(show(`Basic ${btoa(token)}`)).toBe(401);
  });

  test.each([
    ['127.0.0.1', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::', false],
    ['0.0.0.0', false],
    ['127.0.0.1.example', false],
  ])('%s is a loopback address: %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });
});
