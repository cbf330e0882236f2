/** The way to the edge: certificates of one's own authority, proxies, tokens; and what is said where it is barred. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AuthorityError, type ConnectionSettings, EdgeConnection } from '../collector/delivery/edge-connection.ts';
import { type Outcome, post } from '../collector/delivery/poster.ts';
import { selfSigned } from './certificates.ts';
import { EdgeStandIn } from './edge-stand-in.ts';
import { made } from './made-windows.ts';

const folder = mkdtempSync(join(tmpdir(), 'vigia-connection-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });

/** An authority, and certificates that it signs. */
beforeAll(() => {
  selfSigned(at('ca'), 'Test CA');
  certificate('good', 'DNS:localhost,DNS:edge.test');
  certificate('other-name', 'DNS:elsewhere.test');
  certificate('expired', 'DNS:localhost', ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z']);
  certificate('future', 'DNS:localhost', ['-startdate', '20900101000000Z', '-enddate', '20910101000000Z']);
});

function certificate(name: string, names: string, dates = ['-days', '30']): void {
  const key = `${name}.key`;
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  writeFileSync(at('names'), `subjectAltName=${names}\n`);
  writeFileSync(at('index'), '');
  const config =
    '[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\npolicy=p\n[p]\ncommonName=supplied\n';
  writeFileSync(at('ca.conf'), config);
  const paths = [
    '-config',
    'ca.conf',
    '-cert',
    'ca.pem',
    '-keyfile',
    'ca.key',
    '-in',
    `${name}.csr`,
    '-out',
    `${name}.pem`,
  ];
  openssl('ca', '-batch', '-notext', '-md', 'sha256', '-extfile', 'names', ...paths, ...dates);
}

const read = (name: string) => ({
  key: readFileSync(at(`${name}.key`), 'utf8'),
  cert: readFileSync(at(`${name}.pem`), 'utf8'),
});

const open: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const opened of open.splice(0).toReversed()) await opened.stop();
});

async function edgeWith(name?: string): Promise<EdgeStandIn> {
  const edge = await EdgeStandIn.start(name === undefined ? undefined : read(name));
  open.push(edge);
  return edge;
}

const BATCH = {
  id: 'b',
  windows: 1,
  body: gzipSync(JSON.stringify({ windows: [made(0)], context: [] })),
  columns: null,
};

async function postTo(
  to: string,
  settings: Partial<ConnectionSettings> = {},
  tokenFile: string | null = null,
): Promise<Outcome> {
  const connection = new EdgeConnection({ to, caFile: null, proxies: {}, ...settings });
  open.push({ stop: () => connection.close() });
  return await post(BATCH, connection, { tokenFile, timeout_ms: 2000 }, new AbortController().signal);
}

const barred = (reason: RegExp, remedy: RegExp) => ({
  kind: 'later',
  problem: { reason: expect.stringMatching(reason), remedy: expect.stringMatching(remedy) },
});

describe("an edge with a certificate of one's own authority", () => {
  it('is trusted where --ca names the authority, and refused where not', async () => {
    const edge = await edgeWith('good');
    const to = `https://localhost:${edge.port}`;
    expect(await postTo(to)).toMatchObject(barred(/nobody that this host trusts/, /--ca FILE/));
    expect(edge.posts).toEqual([]);
    expect(await postTo(to, { caFile: at('ca.pem') })).toMatchObject({ kind: 'stored' });
    expect(edge.storedIds).toEqual([made(0).id]);
  });

  it.each([
    ['expired', /has expired/, /renew .* clock/],
    ['future', /not valid yet/, /clock/],
    ['other-name', /elsewhere\.test/, /name the edge in --to as its certificate does/],
  ])('that is %s is refused, with what to do', async (name, reason, remedy) => {
    const edge = await edgeWith(name);
    const outcome = await postTo(`https://localhost:${edge.port}`, { caFile: at('ca.pem') });
    expect(outcome).toMatchObject(barred(reason, remedy));
    expect(edge.posts).toEqual([]);
  });

  it.each([
    ['is not there', 'absent.pem', null, /cannot be read: ENOENT/],
    ['holds a key', 'ca.key', null, /holds no certificate/],
    [
      'is damaged',
      'damaged.pem',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      /cannot be read, the 1\. of 1; name a file of PEM/,
    ],
  ])('is not started for where the file of --ca %s', async (_name, file, content, message) => {
    if (content !== null) writeFileSync(at(file), content);
    const connect = () => new EdgeConnection({ to: 'https://localhost', caFile: at(file), proxies: {} });
    expect(connect).toThrow(AuthorityError);
    expect(connect).toThrow(message);
  });
});

it.each<[string, (edge: EdgeStandIn) => string, RegExp, RegExp]>([
  [
    'speaks no TLS',
    ({ port }) => `https://localhost:${port}`,
    /wrong version|EPROTO|packet length/i,
    /http:\/\/ rather/,
  ],
  ['is not there', () => 'http://127.0.0.1:1', /ECONNREFUSED/, /check --to/],
  ['has no such name', () => 'http://edge.invalid', /name is not known/, /name servers/],
])('an edge that %s is told of with what to do', async (_name, to, reason, remedy) => {
  expect(await postTo(to(await edgeWith()))).toMatchObject(barred(reason, remedy));
});

interface Proxy {
  readonly url: string;
  /** Request lines and what they were authorised with. */
  readonly asked: string[];
}

/** A forward proxy to one edge, whatever its name: tunnels by CONNECT, and plain HTTP by absolute addresses (RFC 9110, 9.3.6; RFC 9112, 3.2.2). */
async function proxyTo(edge: EdgeStandIn, password?: string): Promise<Proxy> {
  const asked: string[] = [];
  const isLetIn = (authorization = ''): boolean =>
    password === undefined || authorization === `Basic ${Buffer.from(`user:${password}`).toString('base64')}`;
  const server = createServer((incoming, answer) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    const { method, headers } = incoming;
    const onwards = request({
      host: '127.0.0.1',
      port: edge.port,
      path: new URL(incoming.url!).pathname,
      method,
      headers,
    });
    onwards.on('response', (response) => response.pipe(answer.writeHead(response.statusCode!)));
    incoming.pipe(onwards);
  });
  server.on('connect', (incoming, client) => {
    asked.push(`CONNECT ${incoming.url}`);
    if (!isLetIn(incoming.headers['proxy-authorization'])) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const onwards = connect(edge.port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      onwards.pipe(client).pipe(onwards);
    });
    for (const socket of [onwards, client]) socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return { url: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

describe('a proxy', () => {
  it('of HTTPS_PROXY carries the post in a tunnel, so that it sees neither windows nor token', async () => {
    const edge = await edgeWith('good');
    const proxy = await proxyTo(edge, 'pass');
    const proxies = { HTTPS_PROXY: `http://user:pass@${proxy.url}` };
    const outcome = await postTo('https://edge.test', { caFile: at('ca.pem'), proxies });
    expect(outcome).toMatchObject({ kind: 'stored' });
    expect(proxy.asked).toEqual(['CONNECT edge.test:443']);
    expect(edge.storedIds).toEqual([made(0).id]);
  });

  it("does not spare the edge's certificate its check", async () => {
    const edge = await edgeWith('good');
    const { url } = await proxyTo(edge);
    const proxies = { https_proxy: `http://${url}` };
    expect(await postTo('https://edge.test', { proxies })).toMatchObject(
      barred(/nobody that this host trusts/, /--ca/),
    );
    const other = await postTo('https://other.test', { proxies, caFile: at('ca.pem') });
    expect(other).toMatchObject(barred(/other\.test/, /as its certificate does/));
    expect(edge.posts).toEqual([]);
  });

  it('of HTTP_PROXY carries a post to an edge without TLS', async () => {
    const edge = await edgeWith();
    const proxy = await proxyTo(edge);
    const outcome = await postTo('http://edge.test', { proxies: { HTTP_PROXY: `http://${proxy.url}` } });
    expect(outcome).toMatchObject({ kind: 'stored' });
    expect(proxy.asked).toEqual(['POST http://edge.test/detect']);
  });

  it('that wants another password is told of, without the one that it was given', async () => {
    const proxy = await proxyTo(await edgeWith('good'), 'right');
    const proxies = { HTTPS_PROXY: `http://user:wrong-password@${proxy.url}` };
    const outcome = await postTo('https://edge.test', { caFile: at('ca.pem'), proxies });
    expect(outcome).toMatchObject(barred(/407|tunnel/i, /HTTPS_PROXY/));
    expect(JSON.stringify(outcome)).not.toContain('wrong-password');
  });

  it('is not asked for what NO_PROXY names, nor for an edge on loopback', async () => {
    const edge = await edgeWith('good');
    const proxy = await proxyTo(edge);
    const proxies = { HTTPS_PROXY: `http://${proxy.url}`, HTTP_PROXY: `http://${proxy.url}` };
    expect(await postTo(`https://localhost:${edge.port}`, { caFile: at('ca.pem'), proxies })).toMatchObject({
      kind: 'stored',
    });
    const spared = await postTo('https://edge.invalid', { proxies: { ...proxies, NO_PROXY: '.invalid' } });
    expect(spared).toMatchObject(barred(/name is not known/, /--to/));
    expect(proxy.asked).toEqual([]);
  });
});

describe('a token', () => {
  it.each([
    ['empty', '', /is empty/],
    ['of two lines', 'secret\nsecret', /something else than one token/],
    ['of two words', 'Bearer secret', /something else than one token/],
    ['absent', null, /cannot be read: ENOENT/],
  ])('file that is %s is told of, without what it holds, and nothing is posted', async (_name, content, reason) => {
    const edge = await edgeWith();
    rmSync(at('token'), { force: true });
    if (content !== null) writeFileSync(at('token'), content);
    const outcome = await postTo(edge.url, {}, at('token'));
    expect(outcome).toMatchObject(barred(reason, /token create/));
    expect(JSON.stringify(outcome)).not.toContain('secret');
    expect(edge.posts).toEqual([]);
  });
});

it('an answer in gzip is read', async () => {
  const edge = await edgeWith();
  const verdict = { threat_detected: false, confidence: 0, threat_types: [], attacking_ips: [], level: 'none' };
  const window = { id: 'w', host: 'h', group: 'g', interface: 'eth0', start: made(0).start, duration_s: 1 };
  edge.usual = (response) =>
    response
      .writeHead(200, { 'content-encoding': 'gzip' })
      .end(gzipSync(JSON.stringify({ results: [{ ...verdict, window }] })));
  expect(await postTo(edge.url)).toMatchObject({ kind: 'stored', verdicts: [{ window }] });
});
