import { createHash, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** `read` < `write` < `admin`: a wider scope includes the narrower ones. */
export const SCOPES = ['read', 'write', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export const allows = (granted: readonly string[], needed: Scope): boolean =>
  granted.some((scope) => SCOPES.indexOf(scope as Scope) >= SCOPES.indexOf(needed));

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PREFIX_LENGTH = 8;
const SECRET_LENGTH = 32;
const CHECKSUM_LENGTH = 6;
const SHAPE = new RegExp(
  `^ds_(live|test)_([0-9A-Za-z]{${PREFIX_LENGTH}})([0-9A-Za-z]{${SECRET_LENGTH}})([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`,
);

/** 62 does not divide 256: bytes from 248 up are skipped, so that each character is equally likely. */
const randomText = (length: number, randomBytes: (size: number) => Uint8Array): string => {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) if (byte < 248 && text.length < length) text += ALPHABET[byte % 62];
  }
  return text;
};

const checksum = (text: string): string => {
  let rest = crc32(text);
  let encoded = '';
  for (let i = 0; i < CHECKSUM_LENGTH; i += 1) {
    encoded = ALPHABET[rest % 62] + encoded;
    rest = Math.floor(rest / 62);
  }
  return encoded;
};

/** SHA-256 is enough for a secret of 190 random bits; a slow hash would only cost latency. */
const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex');

export interface NewApiKey {
  /** Shown once, never stored. */
  key: string;
  /** Public part, finds the row. */
  prefix: string;
  /** Hex SHA-256 of the whole key. */
  hash: string;
}

/** `ds_live_` + 8 characters that identify the key + 32 secret ones + 6 of checksum (CRC-32 of all before, base 62). */
export const newApiKey = (randomBytes: (size: number) => Uint8Array, kind: 'live' | 'test' = 'live'): NewApiKey => {
  const prefix = randomText(PREFIX_LENGTH, randomBytes);
  const body = `ds_${kind}_${prefix}${randomText(SECRET_LENGTH, randomBytes)}`;
  const key = body + checksum(body);
  return { key, prefix, hash: hashOf(key) };
};

/** The prefix of a well-formed key with a right checksum, or null: a typo costs no look-up. */
export const apiKeyPrefix = (key: string): string | null => {
  const match = SHAPE.exec(key);
  if (!match) return null;
  return checksum(key.slice(0, -CHECKSUM_LENGTH)) === match[4] ? match[2]! : null;
};

export const isKeyOf = (key: string, hash: string): boolean => {
  const [actual, expected] = [Buffer.from(hashOf(key), 'hex'), Buffer.from(hash, 'hex')];
  return actual.length === expected.length && timingSafeEqual(actual, expected);
};
