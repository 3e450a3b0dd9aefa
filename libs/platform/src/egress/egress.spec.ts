import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LookupAddress } from 'node:dns';
import { DomainError } from '@darkspere/domain';
import { Agent, request } from 'undici';
import { Egress, type Resolve } from './egress.js';

const PUBLIC = '93.184.216.34';
const PUBLIC_V6 = '2606:2800:220:1:248:1893:25c8:1946';

const at = (...addresses: string[]): LookupAddress[] => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

/** A resolver that knows the given names and nothing else. */
const names =
  (known: Record<string, string[]>): Resolve =>
  async (hostname) => {
    const addresses = known[hostname];
    if (!addresses) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' });
    return at(...addresses);
  };

const faultOf = (run: () => unknown): Promise<DomainError> =>
  Promise.resolve()
    .then(run)
    .then(
      () => Promise.reject(new Error('it was not refused')),
      (error: unknown) => error as DomainError,
    );

/** api-facts E, and every other spelling of an address that is not a public host. */
const BLOCKED_LITERALS = [
  ['loopback', '127.0.0.1'],
  ['loopback in one number', '2130706433'],
  ['loopback in hexadecimal', '0x7f000001'],
  ['loopback in octal', '0177.0.0.1'],
  ['loopback in two parts', '127.1'],
  ['loopback in mixed notations', '0x7f.0.0.0x1'],
  ['loopback with a trailing dot', '127.0.0.1.'],
  ['loopback in full-width digits', '１２７.０.０.１'],
  ['loopback with ideographic dots', '127。0。0。1'],
  ['loopback, IPv6', '[::1]'],
  ['loopback, mapped', '[::ffff:127.0.0.1]'],
  ['loopback, mapped in hexadecimal', '[::ffff:7f00:1]'],
  ['loopback, IPv4-compatible', '[::127.0.0.1]'],
  ['loopback, SIIT', '[::ffff:0:127.0.0.1]'],
  ['loopback, NAT64', '[64:ff9b::7f00:1]'],
  ['loopback, local-use NAT64', '[64:ff9b:1::7f00:1]'],
  ['loopback, 6to4', '[2002:7f00:1::1]'],
  ['loopback, Teredo', '[2001:0:7f00:1::1]'],
  ['public, mapped', `[::ffff:${PUBLIC}]`],
  ['this network', '0.0.0.0'],
  ['unspecified, IPv6', '[::]'],
  ['private 10/8', '10.1.2.3'],
  ['private 172.16/12', '172.31.255.255'],
  ['private 192.168/16', '192.168.0.1'],
  ['shared address space', '100.64.0.1'],
  ['cloud metadata', '169.254.169.254'],
  ['cloud metadata in one number', '2852039166'],
  ['cloud metadata, mapped', '[::ffff:169.254.169.254]'],
  ['cloud metadata, unique local', '[fd00:ec2::254]'],
  ['Alibaba metadata', '100.100.100.200'],
  ['Oracle metadata', '192.0.0.192'],
  ['Azure host agent', '168.63.129.16'],
  ['benchmarking', '198.18.0.1'],
  ['documentation', '203.0.113.7'],
  ['multicast', '224.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['reserved', '240.0.0.1'],
  ['link-local, IPv6', '[fe80::1]'],
  ['site-local, IPv6', '[fec0::1]'],
  ['multicast, IPv6', '[ff02::1]'],
  ['documentation, IPv6', '[2001:db8::1]'],
  ['unallocated, IPv6', '[4000::1]'],
] as const;

describe('Egress', () => {
  describe('with an empty allow list', () => {
    const egress = new Egress('', names({ 'agent.example': [PUBLIC, PUBLIC_V6], 'mixed.example': [PUBLIC, '10.0.0.5'] }));

    it.each(BLOCKED_LITERALS)('refuses an endpoint at a %s address (%s)', async (_, host) => {
      for (const scheme of ['https', 'http']) {
        const fault = await faultOf(() => egress.check(`${scheme}://${host}/chat`));
        expect(fault).toBeInstanceOf(DomainError);
        expect(fault.code).toBe('endpoint_refused');
        expect(fault.message).toMatch(/not public/);
      }
    });

    it.each([
      ['https at a name with public addresses', 'https://agent.example/chat'],
      ['https at a public IPv4 address', `https://${PUBLIC}:8443/chat`],
      ['https at a public IPv6 address', `https://[${PUBLIC_V6}]/chat`],
      ['a query', 'https://agent.example/chat?bot=7'],
    ])('permits %s', async (_, endpoint) => {
      await expect(egress.check(endpoint)).resolves.toBeUndefined();
    });

    it.each([
      ['plain http in public', 'http://agent.example/chat', /must use https/],
      ['plain http at a public address', `http://${PUBLIC}/chat`, /must use https/],
      ['another scheme', 'ftp://agent.example/chat', /must be an https URL/],
      ['a file', 'file:///etc/passwd', /must be an https URL/],
      ['a built-in agent', 'builtin:engagement-agent', /must be an https URL/],
      ['a user name', 'https://me@agent.example/chat', /user name/],
      ['a password', 'https://me:secret@agent.example/chat', /user name/],
      ['a fragment', 'https://agent.example/chat#rc=5', /fragment/],
      ['an empty fragment', 'https://agent.example/chat#', /fragment/],
      ['a tab in the host', 'https://agent.exa\tmple/chat', /space/],
      ['a line end', 'https://agent.example/chat\r\nX-Evil: 1', /space/],
      ['a backslash', 'https://agent.example\\@10.0.0.1/chat', /backslash/],
      ['a zone', 'https://[fe80::1%25eth0]/chat', /not a URL/],
      ['a number too large for an address', 'https://4294967296/chat', /not a URL/],
      ['no URL', 'agent.example', /not a URL/],
      ['nothing', '', /not a URL/],
      ['a URL of 2,049 characters', `https://agent.example/${'a'.repeat(2_027)}`, /longer than 2048/],
    ])('refuses %s', async (_, endpoint, reason) => {
      const fault = await faultOf(() => egress.check(endpoint));
      expect(fault.code).toBe('endpoint_refused');
      expect(fault.message).toMatch(reason);
    });

    it('refuses a host of which one address is private, without telling the address', async () => {
      const fault = await faultOf(() => egress.check('https://mixed.example/chat'));
      expect(fault.message).toBe('The endpoint is at an address that is not public (private).');
    });

    it('refuses a host that does not resolve', async () => {
      const fault = await faultOf(() => egress.check('https://nowhere.example/chat'));
      expect(fault.code).toBe('endpoint_refused');
      expect(fault.message).toMatch(/does not resolve/);
    });

    it.each(['https://localhost/', 'https://LOCALHOST./', 'https://ⓛocalhost/', 'https://app.localhost/'])(
      'refuses %s without asking a resolver',
      async (endpoint) => {
        const trusting = new Egress('', async () => at(PUBLIC));
        const fault = await faultOf(() => trusting.check(endpoint));
        expect(fault.message).toMatch(/not public \(loopback\)/);
      },
    );

    it('gives the canonical form of a URL', () => {
      expect(egress.parse('HTTPS://Agent.Example.:443/Chat').href).toBe('https://agent.example/Chat');
      expect(egress.parse('https://münchen.example/').href).toBe('https://xn--mnchen-3ya.example/');
    });
  });

  describe('with an allow list', () => {
    const egress = new Egress(' 127.0.0.0/8, 10.20.0.0/16,,fd00:1::/32 ', names({ 'inside.example': ['10.20.0.9'] }));

    it.each([
      'http://127.0.0.1:9000/',
      'http://0x7f000001/',
      'http://localhost:9000/',
      'https://10.20.255.1/',
      'http://[fd00:1::5]/',
      'http://inside.example/',
    ])('permits %s', async (endpoint) => {
      await expect(egress.check(endpoint)).resolves.toBeUndefined();
    });

    it.each([
      'http://10.21.0.1/',
      'https://192.168.0.1/',
      'http://[::1]/',
      'http://[::ffff:127.0.0.1]/',
      'http://[::ffff:10.20.0.1]/',
      'http://[fd00:2::1]/',
    ])('still refuses %s', async (endpoint) => {
      expect((await faultOf(() => egress.check(endpoint))).code).toBe('endpoint_refused');
    });

    it.each(['10.0.0.0', '10.0.0.0/33', '10/8', 'localhost/8', '10.0.0.0/8/8', '::/129'])('does not start with "%s" in it', (cidr) => {
      expect(() => new Egress(`127.0.0.0/8,${cidr}`)).toThrow(/is not a CIDR/);
    });
  });

  describe('at connect', () => {
    let server: Server;
    let port: number;
    let seen: number;

    beforeAll(async () => {
      server = createServer((_, response) => response.end('inside'));
      server.on('connection', () => (seen += 1));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      port = (server.address() as AddressInfo).port;
    });
    beforeEach(() => (seen = 0));
    afterAll(() => new Promise((resolve) => server.close(resolve)));

    const get = async (egress: Egress, url: string) => {
      const dispatcher = new Agent({ connect: egress.connector() });
      try {
        return await (await request(url, { dispatcher })).body.text();
      } finally {
        await dispatcher.destroy();
      }
    };

    it.each(BLOCKED_LITERALS)('refuses a %s address (%s) that nobody checked before', async (_, host) => {
      const fault = await faultOf(() => get(new Egress(''), `http://${host}:${port}/`));
      expect(fault.code).toBe('endpoint_refused');
      expect(seen).toBe(0);
    });

    it('refuses a host that answered with a public address when it was checked and a private one now', async () => {
      const answers = [at(PUBLIC), at('127.0.0.1')];
      const egress = new Egress('', async () => answers.shift() ?? []);
      await egress.check(`https://rebind.example:${port}/`);
      const fault = await faultOf(() => get(egress, `https://rebind.example:${port}/`));
      expect(fault.code).toBe('endpoint_refused');
      expect(seen).toBe(0);
    });

    it('refuses plain http to a public host even when it was not checked', async () => {
      const fault = await faultOf(() => get(new Egress('', async () => at(PUBLIC)), `http://agent.example:${port}/`));
      expect(fault.message).toMatch(/must use https/);
    });

    it('connects to permitted names and literals', async () => {
      const egress = new Egress('127.0.0.0/8', names({ 'inside.example': ['127.0.0.1'] }));
      for (const host of ['127.0.0.1', 'localhost', 'inside.example']) {
        expect(await get(egress, `http://${host}:${port}/`)).toBe('inside');
      }
    });
  });
});
