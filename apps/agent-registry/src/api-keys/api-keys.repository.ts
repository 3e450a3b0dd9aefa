import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, LessThan, type Repository } from 'typeorm';
import type { Page } from '../request.schemas.js';
import { ApiKeyEntity } from './api-key.entity.js';

export type NewApiKeyRow = Pick<
  ApiKeyEntity,
  'accountId' | 'prefix' | 'secretHash' | 'label' | 'scopes' | 'requestsPerMinute' | 'expiresAt'
>;

@Injectable()
export class ApiKeysRepository {
  constructor(@InjectRepository(ApiKeyEntity) private readonly keys: Repository<ApiKeyEntity>) {}

  async add(key: NewApiKeyRow): Promise<ApiKeyEntity> {
    const row = this.keys.create(key);
    await this.keys.insert(row);
    return row;
  }

  /** Newest first, expired and revoked ones too, without hashes. */
  page(accountId: string, { limit, before }: Page): Promise<ApiKeyEntity[]> {
    return this.keys.find({ where: { accountId, ...(before && { id: LessThan(before) }) }, order: { id: 'DESC' }, take: limit });
  }

  /** A second time changes nothing. False: the account has no such key. */
  async revoke(accountId: string, id: string, now: Date): Promise<boolean> {
    const { affected } = await this.keys.update({ id, accountId, revokedAt: IsNull() }, { revokedAt: now });
    return affected === 1 || (await this.keys.existsBy({ id, accountId }));
  }
}
