import { Body, Controller, HttpCode, Put } from '@nestjs/common';
import { AccountId, Scoped } from '@darkspere/platform';
import { z } from 'zod';
import { CarrierAccountsService } from './carrier-accounts.service.js';

const NewCarrierAccount = z.strictObject({
  account_sid: z.string().regex(/^AC[0-9a-zA-Z]{32}$/, 'must be an account SID: AC and 32 characters'),
  auth_token: z.string().min(8).max(200),
});

@Controller('api/v1/carrier-accounts')
@Scoped('admin')
export class CarrierAccountsController {
  constructor(private readonly accounts: CarrierAccountsService) {}

  @Put()
  @HttpCode(204)
  save(@AccountId() accountId: string, @Body({ schema: NewCarrierAccount }) body: z.infer<typeof NewCarrierAccount>): Promise<void> {
    return this.accounts.save(accountId, body.account_sid, body.auth_token);
  }
}
