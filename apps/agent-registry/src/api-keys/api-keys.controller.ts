import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Param, Post, Query } from '@nestjs/common';
import { AccountId, Scoped } from '@darkspere/platform';
import { IdPath, Page } from '../request.schemas.js';
import { CreateApiKey } from './api-keys.schemas.js';
import { ApiKeysService, type ApiKeyView, type CreatedApiKey } from './api-keys.service.js';

@Controller('api/v1/api-keys')
@Scoped('admin')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  /** Without the IdempotencyInterceptor: it would store the answer, and with it the key. */
  @Post()
  create(@AccountId() accountId: string, @Body({ schema: CreateApiKey }) key: CreateApiKey): Promise<CreatedApiKey> {
    return this.keys.create(accountId, key, new Date());
  }

  @Get()
  list(@AccountId() accountId: string, @Query({ schema: Page }) page: Page): Promise<{ api_keys: ApiKeyView[] }> {
    return this.keys.list(accountId, page);
  }

  @Delete(':id')
  @HttpCode(HttpStatus.NO_CONTENT)
  revoke(@AccountId() accountId: string, @Param({ schema: IdPath }) { id }: IdPath): Promise<void> {
    return this.keys.revoke(accountId, id, new Date());
  }
}
