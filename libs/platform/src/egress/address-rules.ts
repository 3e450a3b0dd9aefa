import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
export type Cidr = readonly [network: Address, prefixLength: number];

/** IANA hands out IPv6 unicast addresses from 2000::/3 only; what lies outside (::127.0.0.1, 64:ff9b::…) is no host. */
const GLOBAL_IPV6: Cidr = ipaddr.parseCIDR('2000::/3');

/** Public by its number, private by its use: Azure's host agent, https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16 */
const PRIVATE_BY_USE: readonly Cidr[] = [ipaddr.parseCIDR('168.63.129.16/32')];

/**
 * Reads a comma-separated list of CIDRs (`10.1.0.0/16, fd00::/8`); an empty text is an empty list.
 * Throws an `Error` that names the part which is not a CIDR.
 */
export const parseCidrs = (text: string): Cidr[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseCidr);

/** Whether a literal address lies in one of the CIDRs; IPv4 CIDRs never match an IPv4-mapped IPv6 address. */
export const isWithin = (literal: string, cidrs: readonly Cidr[]): boolean => {
  const address = parseAddress(literal);
  return address !== null && cidrs.some((cidr) => matches(address, cidr));
};

/**
 * Whether a literal address is a public unicast address: not private, loopback, link-local, shared, reserved,
 * multicast, and no form that embeds an IPv4 address (mapped, compatible, 6to4, NAT64, Teredo).
 */
export const isPublic = (literal: string): boolean => {
  const address = parseAddress(literal);
  if (address === null || address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv6') return matches(address, GLOBAL_IPV6);
  return !PRIVATE_BY_USE.some((cidr) => matches(address, cidr));
};

/** How the kind of an address is named to a person: `loopback`, `private`, `linkLocal`, `ipv4Mapped`, … */
export const rangeName = (literal: string): string => parseAddress(literal)?.range() ?? 'unknown';

const parseCidr = (text: string): Cidr => {
  const [literal = '', prefix = ''] = text.split('/', 2);
  if (isIP(literal) === 0 || !/^\d{1,3}$/.test(prefix) || !ipaddr.isValidCIDR(text)) {
    throw new Error(`"${text}" is not a CIDR such as 10.0.0.0/8 or 10.1.2.3/32`);
  }
  return ipaddr.parseCIDR(text);
};

const parseAddress = (literal: string): Address | null => (isIP(literal) !== 0 && ipaddr.isValid(literal) ? ipaddr.parse(literal) : null);

const matches = (address: Address, [network, prefixLength]: Cidr): boolean =>
  address.kind() === network.kind() && address.match(network, prefixLength);
