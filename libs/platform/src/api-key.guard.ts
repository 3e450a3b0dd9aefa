import {
  createParamDecorator,
  Injectable,
  SetMetadata,
  UseGuards,
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Sql } from '@darkspere/database';
import { DomainError, allows, apiKeyPrefix, isKeyOf, type Scope } from '@darkspere/domain';
import type { FastifyRequest } from 'fastify';

interface KnownKey {
  key_id: string;
  account_id: string;
  secret_hash: string;
  scopes: string[];
}

/** Who calls: the account of the API key, and the key itself. */
export interface Caller {
  accountId: string;
  keyId: string;
  scopes: string[];
}

const NEEDED_SCOPE = 'darkspere:scope';
const callers = new WeakMap<object, Caller>();

/** `Authorization: Bearer ds_live_…` with the scope that `@Scoped` names. 401 without a good key, 403 without the scope. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  constructor(
    private readonly sql: Sql,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    // On a class and on a method: the method's scope was checked the first time already.
    if (callers.has(request)) return true;
    const needed = this.reflector.getAllAndOverride<Scope>(NEEDED_SCOPE, [context.getHandler(), context.getClass()]);
    const caller = await this.authenticate(request.headers.authorization);
    if (!allows(caller.scopes, needed)) throw new DomainError('forbidden', `This API key lacks the scope "${needed}".`);
    callers.set(request, caller);
    return true;
  }

  private async authenticate(header: string | undefined): Promise<Caller> {
    const key = /^Bearer (\S+)$/i.exec(header ?? '')?.[1];
    if (!key) throw new DomainError('unauthenticated', 'Send an API key: "Authorization: Bearer ds_live_…".');
    const prefix = apiKeyPrefix(key);
    const known = prefix ? await this.sql.value<KnownKey | null>('security.find_api_key', [prefix, new Date()]) : null;
    if (!known || !isKeyOf(key, known.secret_hash))
      throw new DomainError('unauthenticated', 'This API key is not known, or it is expired or revoked.');
    return { accountId: known.account_id, keyId: known.key_id, scopes: known.scopes };
  }
}

/** Guards a controller or a route by API key and says which scope it needs. */
export const Scoped = (scope: Scope): ClassDecorator & MethodDecorator =>
  applyDecorators(SetMetadata(NEEDED_SCOPE, scope), UseGuards(ApiKeyGuard));

/** The id of the account that calls. */
export const AccountId = createParamDecorator((_: unknown, context: ExecutionContext): string => callerOf(context).accountId);

export const callerOf = (context: ExecutionContext): Caller => {
  const caller = callers.get(context.switchToHttp().getRequest<object>());
  if (!caller) throw new Error('A route uses the caller without being @Scoped');
  return caller;
};
