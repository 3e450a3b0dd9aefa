import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { DomainError, allows } from '@darkspere/domain';
import { callerOf } from '@darkspere/platform';

/** Real phone numbers for an agent: a body that grants them needs a key with the scope `admin`, else 403. Behind `@Scoped`. */
@Injectable()
export class PhoneGrantGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { body } = context.switchToHttp().getRequest<{ body?: { phone_number_grant?: unknown } | null }>();
    if (body?.phone_number_grant !== true || allows(callerOf(context).scopes, 'admin')) return true;
    throw new DomainError('forbidden', 'phone_number_grant needs an API key with the scope "admin".');
  }
}
