import { Inject, Injectable } from '@nestjs/common';
import { Sql } from '@darkspere/database';
import { DomainError } from '@darkspere/domain';
import { SecretBox } from '@darkspere/platform';
import { GATEWAY_ENV, type SmsGatewayEnv } from '../env.js';
import type { CarrierAccount } from './carrier-account.js';

interface StoredAccount {
  account_id: string;
  account_sid: string;
  auth_token_ciphertext: string;
}

const CACHE_MS = 5_000;
/** What a webhook may name, also an unsigned one: nothing else is looked up or remembered. */
const ACCOUNT_SID = /^AC[0-9a-zA-Z]{32}$/;
const aad = (accountSid: string): string => `messaging.carrier_accounts|${accountSid}`;

/** Carrier credentials: an account's own, encrypted in the database, or the environment's for the default account. */
@Injectable()
export class CarrierAccountsService {
  private readonly known = new Map<string, { account: Promise<CarrierAccount | null>; until: number }>();

  constructor(
    private readonly sql: Sql,
    private readonly secrets: SecretBox,
    @Inject(GATEWAY_ENV) private readonly env: SmsGatewayEnv,
  ) {}

  /** The account that a webhook's AccountSid names; missing or unknown: the environment's. */
  async bySid(accountSid: string | undefined): Promise<CarrierAccount> {
    const isOther = accountSid !== undefined && accountSid !== this.env.TWILIO_ACCOUNT_SID && ACCOUNT_SID.test(accountSid);
    const own = isOther ? await this.cached(`sid:${accountSid}`, 'messaging.carrier_account', accountSid) : null;
    return own ?? this.environments();
  }

  /** The account to send with, or null when this account has no carrier. */
  async of(accountId: string): Promise<CarrierAccount | null> {
    const own = await this.cached(`id:${accountId}`, 'messaging.carrier_account_of', accountId);
    if (own) return own;
    const environments = await this.environments();
    return environments.accountId === accountId ? environments : null;
  }

  /** @throws DomainError `conflict` when another account has the SID. */
  async save(accountId: string, accountSid: string, authToken: string): Promise<void> {
    const isOurs = await this.sql.value<boolean>('messaging.save_carrier_account', [
      accountId,
      accountSid,
      this.secrets.seal(authToken, aad(accountSid)),
    ]);
    if (!isOurs) throw new DomainError('conflict', 'This carrier account belongs to another account.');
    this.known.clear();
  }

  private async environments(): Promise<CarrierAccount> {
    // Which account is the default one never changes, so the first answer holds: also while the database is away.
    const account = await this.lookUp('environment', Infinity, async () => {
      const accountId = await this.sql.value<string | null>('security.default_account', [], { patienceMs: 8_000 });
      return accountId && { accountId, accountSid: this.env.TWILIO_ACCOUNT_SID, authToken: this.env.TWILIO_AUTH_TOKEN };
    });
    if (account) return account;
    this.known.delete('environment');
    throw new DomainError('unavailable', 'There is no default account yet.');
  }

  private cached(key: string, lookUp: string, argument: string): Promise<CarrierAccount | null> {
    return this.lookUp(key, CACHE_MS, async () => {
      const stored = await this.sql.value<StoredAccount | null>(lookUp, [argument], { patienceMs: 3_000 });
      return (
        stored && {
          accountId: stored.account_id,
          accountSid: stored.account_sid,
          authToken: this.secrets.open(stored.auth_token_ciphertext, aad(stored.account_sid)),
        }
      );
    });
  }

  /**
   * One look-up at a time for all webhooks that need it, so that they go on in the order in which they came: with one
   * each, a text could overtake the text before it while the database was slow (seen by `npm run chaos`).
   */
  private lookUp(key: string, forMs: number, read: () => Promise<CarrierAccount | '' | null>): Promise<CarrierAccount | null> {
    const known = this.known.get(key);
    if (known && known.until > Date.now()) return known.account;
    // Anybody can send an AccountSid that nobody knows: the cache must not grow with them.
    if (this.known.size > 10_000) this.known.clear();
    const entry = { account: read().then((account) => account || null), until: Infinity };
    this.known.set(key, entry);
    entry.account.then(
      () => (entry.until = Date.now() + forMs),
      () => (entry.until = 0),
    );
    return entry.account;
  }
}
