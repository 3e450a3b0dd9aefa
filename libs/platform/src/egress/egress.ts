import { promises as dns, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { DomainError } from '@darkspere/domain';
import { buildConnector } from 'undici';
import { isPublic, isWithin, parseCidrs, rangeName, type Cidr } from './address-rules.js';

/** All addresses of a host name. */
export type Resolve = (hostname: string) => Promise<LookupAddress[]>;

const MAX_URL_LENGTH = 2_048;
const RESOLVE_TIMEOUT_MS = 5_000;

/** RFC 6761: these names are loopback whatever a resolver says. */
const LOCALHOST = /(?:^|\.)localhost$/;
const LOOPBACK: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/**
 * Which endpoints an agent may have: `https` at public unicast addresses, and `http` or `https` at addresses inside
 * `AGENT_EGRESS_ALLOW` (comma-separated CIDRs, see `parseCidrs`). Endpoints are user input, so the rule is applied
 * twice: by `check` when an endpoint is registered, and by `connector` to the very address of each connection, which
 * leaves nothing to a host name that resolves differently later (DNS rebinding).
 */
export class Egress {
  private readonly allowed: readonly Cidr[];

  constructor(
    allow: string,
    private readonly resolve: Resolve = (hostname) => dns.lookup(hostname, { all: true }),
  ) {
    this.allowed = parseCidrs(allow);
  }

  /**
   * Reads an endpoint as far as it can be judged without DNS and returns its canonical URL (no trailing dot, host in
   * lower-case ASCII, IPv4 in dotted form). Throws `DomainError('endpoint_refused')`.
   */
  parse(endpoint: string): URL {
    if (endpoint.length > MAX_URL_LENGTH) throw refused(`is longer than ${MAX_URL_LENGTH} characters`);
    // The URL parser drops or rewrites these instead of failing, so two readers could see two hosts.
    if (/[\s\p{Cc}\\]/u.test(endpoint)) throw refused('holds a space, a control character or a backslash');
    if (!URL.canParse(endpoint)) throw refused('is not a URL');
    const url = new URL(endpoint);
    if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refused('must be an https URL');
    if (url.username !== '' || url.password !== '') throw refused('must not hold a user name or password');
    if (endpoint.includes('#')) throw refused('must not have a fragment');
    if (url.hostname.endsWith('.')) url.hostname = url.hostname.slice(0, -1);
    const literal = literalOf(url.hostname);
    if (literal !== null) this.refuseUnlessPermitted([{ address: literal }], url.protocol);
    return url;
  }

  /**
   * Resolves the endpoint's host and throws `DomainError('endpoint_refused')`, with a sentence that says why, unless
   * every address is permitted. Takes at most 5 s.
   */
  async check(endpoint: string): Promise<void> {
    const url = this.parse(endpoint);
    if (literalOf(url.hostname) !== null) return;
    const addresses = await this.resolveInTime(url.hostname);
    if (addresses.length === 0) throw refused('has a host name that does not resolve');
    this.refuseUnlessPermitted(addresses, url.protocol);
  }

  /**
   * The `connect` of an undici `Agent` or `Pool`. It refuses a connection with `DomainError('endpoint_refused')` before
   * a packet is sent: literal addresses here (undici looks nothing up for them), names in the look-up of the socket.
   */
  connector(options: Omit<buildConnector.BuildOptions, 'lookup' | 'socketPath'> = {}): buildConnector.connector {
    const http = buildConnector({ ...options, lookup: this.lookupFor('http:') });
    const https = buildConnector({ ...options, lookup: this.lookupFor('https:') });
    return (target, callback) => {
      if (isIP(target.hostname) !== 0) {
        try {
          this.refuseUnlessPermitted([{ address: target.hostname }], target.protocol);
        } catch (error) {
          callback(error as Error, null);
          return;
        }
      }
      (target.protocol === 'https:' ? https : http)(target, callback);
    };
  }

  private lookupFor(protocol: string): LookupFunction {
    return (hostname, { all }, callback) => {
      this.resolvePermitted(hostname, protocol).then(
        (addresses) => {
          const [first] = addresses;
          if (all || first === undefined) callback(null, addresses);
          else callback(null, first.address, first.family);
        },
        (error: Error) => callback(error, []),
      );
    };
  }

  private async resolvePermitted(hostname: string, protocol: string): Promise<LookupAddress[]> {
    const addresses = await this.addressesOf(hostname);
    this.refuseUnlessPermitted(addresses, protocol);
    return addresses;
  }

  private async addressesOf(hostname: string): Promise<LookupAddress[]> {
    if (!LOCALHOST.test(hostname)) return this.resolve(hostname);
    const permitted = LOOPBACK.filter(({ address }) => isWithin(address, this.allowed));
    return permitted.length > 0 ? permitted : [...LOOPBACK];
  }

  private async resolveInTime(hostname: string): Promise<LookupAddress[]> {
    let timer: NodeJS.Timeout | undefined;
    const expiry = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(refused('has a host name that did not resolve in time')), RESOLVE_TIMEOUT_MS);
    });
    const addresses = this.addressesOf(hostname).catch(() => {
      throw refused('has a host name that does not resolve');
    });
    try {
      return await Promise.race([addresses, expiry]);
    } finally {
      clearTimeout(timer);
    }
  }

  private refuseUnlessPermitted(addresses: readonly { address: string }[], protocol: string): void {
    const outside = addresses.filter(({ address }) => !isWithin(address, this.allowed));
    const forbidden = outside.find(({ address }) => !isPublic(address));
    // The kind of address, not the address: what an internal name resolves to is not the tenant's to know.
    if (forbidden) throw refused(`is at an address that is not public (${rangeName(forbidden.address)})`);
    if (outside.length > 0 && protocol !== 'https:') throw refused('must use https');
  }
}

const refused = (why: string): DomainError => new DomainError('endpoint_refused', `The endpoint ${why}.`);

/** The address that a URL's host name spells (`[::1]` without its brackets), or null for a name. */
const literalOf = (hostname: string): string | null => {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return isIP(bare) === 0 ? null : bare;
};
