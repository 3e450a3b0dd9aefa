import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { Sql } from '@darkspere/database';
import { ApiKeyGuard } from '@darkspere/platform';

/** Real phone numbers for an agent: a body that grants them needs a key with the scope `admin`, else 403. */
@Injectable()
export class PhoneGrantGuard implements CanActivate {
  private readonly admins: ApiKeyGuard;

  constructor(sql: Sql) {
    this.admins = new ApiKeyGuard(sql, { getAllAndOverride: () => 'admin' } as unknown as Reflector);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { body } = context.switchToHttp().getRequest<{ body?: { phone_number_grant?: unknown } | null }>();
    return body?.phone_number_grant !== true || this.admins.canActivate(context);
  }
}
