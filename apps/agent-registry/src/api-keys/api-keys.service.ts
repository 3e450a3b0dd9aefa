import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DomainError, newApiKey, type Scope } from '@darkspere/domain';
import type { Page } from '../request.schemas.js';
import type { ApiKeyEntity } from './api-key.entity.js';
import { ApiKeysRepository } from './api-keys.repository.js';
import type { CreateApiKey } from './api-keys.schemas.js';

const DAY_MS = 86_400_000;

export interface CreatedApiKey {
  key_id: string;
  /** Shown once; nobody can find it out later. */
  key: string;
  prefix: string;
  label: string;
  scopes: Scope[];
  requests_per_minute: number | null;
  expires_at: Date | null;
}

const keyView = (key: ApiKeyEntity) => ({
  key_id: key.id,
  prefix: key.prefix,
  label: key.label,
  scopes: key.scopes,
  requests_per_minute: key.requestsPerMinute,
  created_at: key.createdAt,
  expires_at: key.expiresAt,
  revoked_at: key.revokedAt,
  last_used_at: key.lastUsedAt,
});
export type ApiKeyView = ReturnType<typeof keyView>;

/** The API keys of an account; what is stored of each is a hash. */
@Injectable()
export class ApiKeysService {
  constructor(private readonly keys: ApiKeysRepository) {}

  async create(accountId: string, wanted: CreateApiKey, now: Date): Promise<CreatedApiKey> {
    const { key, prefix, hash } = newApiKey(randomBytes);
    const row = await this.keys.add({
      accountId,
      prefix,
      secretHash: hash,
      label: wanted.label,
      scopes: wanted.scopes,
      requestsPerMinute: wanted.requests_per_minute,
      expiresAt: new Date(now.getTime() + wanted.expires_in_days * DAY_MS),
    });
    const { key_id, label, scopes, requests_per_minute, expires_at } = keyView(row);
    return { key_id, key, prefix, label, scopes, requests_per_minute, expires_at };
  }

  async list(accountId: string, page: Page): Promise<{ api_keys: ApiKeyView[] }> {
    return { api_keys: (await this.keys.page(accountId, page)).map(keyView) };
  }

  /** From now on the key opens nothing. Throws `DomainError('not_found')`. */
  async revoke(accountId: string, id: string, now: Date): Promise<void> {
    if (!(await this.keys.revoke(accountId, id, now))) throw new DomainError('not_found', 'There is no such API key.');
  }
}
