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
const aad = (accountSid: string): string => `messaging.carrier_accounts|${accountSid}`;

/** Carrier credentials: an account's own, encrypted in the database, or the environment's for the default account. */
@Injectable()
export class CarrierAccountsService {
  private readonly known = new Map<string, { account: CarrierAccount | null; until: number }>();

  constructor(
    private readonly sql: Sql,
    private readonly secrets: SecretBox,
    @Inject(GATEWAY_ENV) private readonly env: SmsGatewayEnv,
  ) {}

  /** The account that a webhook's AccountSid names; missing or unknown: the environment's. */
  async bySid(accountSid: string | undefined): Promise<CarrierAccount> {
    const own = accountSid && accountSid !== this.env.TWILIO_ACCOUNT_SID ? await this.cached(`sid:${accountSid}`, 'messaging.carrier_account', accountSid) : null;
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
    const isOurs = await this.sql.value<boolean>('messaging.save_carrier_account', [accountId, accountSid, this.secrets.seal(authToken, aad(accountSid))]);
    if (!isOurs) throw new DomainError('conflict', 'This carrier account belongs to another account.');
    this.known.clear();
  }

  private async environments(): Promise<CarrierAccount> {
    const cached = this.known.get('environment');
    if (cached?.account && cached.until > Date.now()) return cached.account;
    const accountId = await this.sql.value<string | null>('security.default_account', [], { patienceMs: 3_000 });
    if (!accountId) throw new DomainError('unavailable', 'There is no default account yet.');
    const account = { accountId, accountSid: this.env.TWILIO_ACCOUNT_SID, authToken: this.env.TWILIO_AUTH_TOKEN };
    this.known.set('environment', { account, until: Date.now() + 60_000 });
    return account;
  }

  private async cached(key: string, lookUp: string, argument: string): Promise<CarrierAccount | null> {
    const cached = this.known.get(key);
    if (cached && cached.until > Date.now()) return cached.account;
    const stored = await this.sql.value<StoredAccount | null>(lookUp, [argument], { patienceMs: 3_000 });
    const account = stored && {
      accountId: stored.account_id,
      accountSid: stored.account_sid,
      authToken: this.secrets.open(stored.auth_token_ciphertext, aad(stored.account_sid)),
    };
    // Anybody can send an AccountSid that nobody knows: the cache must not grow with them.
    if (this.known.size > 10_000) this.known.clear();
    this.known.set(key, { account, until: Date.now() + CACHE_MS });
    return account;
  }
}
