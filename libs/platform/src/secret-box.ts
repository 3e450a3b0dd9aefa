import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';

const VERSION = 'v1';

/**
 * Encrypts secrets at rest with AES-256-GCM: `v1.<kid>.<iv>.<ciphertext>.<tag>`, base64url. `aad` binds a ciphertext to
 * its place (`schema.table|row id`), so that it cannot be moved to another row. The first key writes, all keys read.
 */
export class SecretBox {
  private readonly keys: ReadonlyMap<string, Buffer>;
  private readonly writer: string;

  /** @param spec `kid:base64,…`, keys of 32 bytes. @throws Error naming the faulty entry, never the key. */
  constructor(spec: string) {
    const keys = new Map<string, Buffer>();
    for (const [i, entry] of spec.split(',').entries()) {
      const [kid, encoded, ...rest] = entry.trim().split(':');
      const key = Buffer.from(encoded ?? '', 'base64');
      if (!kid || !/^[\w-]+$/.test(kid) || rest.length > 0 || key.length !== 32) {
        throw new Error(`ENCRYPTION_KEYS: entry ${i + 1} is not kid:base64 with a key of 32 bytes`);
      }
      keys.set(kid, key);
    }
    this.keys = keys;
    this.writer = [...keys.keys()][0]!;
  }

  seal(plaintext: string, aad: string): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.keys.get(this.writer)!, iv).setAAD(Buffer.from(aad));
    const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
    return [VERSION, this.writer, ...[iv, ciphertext, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join('.');
  }

  /** @throws Error when the key is unknown or the text was changed or moved. */
  open(sealed: string, aad: string): string {
    const [version, kid, iv, ciphertext, tag] = sealed.split('.');
    const key = this.keys.get(kid ?? '');
    if (version !== VERSION || !key || !iv || ciphertext === undefined || !tag) {
      throw new Error('A stored secret was written with a key that ENCRYPTION_KEYS does not have');
    }
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64url')).setAAD(Buffer.from(aad));
    decipher.setAuthTag(Buffer.from(tag, 'base64url'));
    return Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()]).toString('utf8');
  }

  /** A key of its own for one purpose, derived from the writing key. */
  macFor(purpose: string): (text: string) => string {
    const key = createSecretKey(Buffer.from(hkdfSync('sha256', this.keys.get(this.writer)!, '', purpose, 32)));
    return (text) => createHmac('sha256', key).update(text).digest('base64url');
  }
}
