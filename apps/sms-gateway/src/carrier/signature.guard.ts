import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { DomainError } from '@darkspere/domain';
import type { FastifyRequest } from 'fastify';
import twilio from 'twilio';
import { GATEWAY_ENV, type SmsGatewayEnv } from '../env.js';
import type { CarrierAccount } from './carrier-account.js';
import { CarrierAccountsService } from './carrier-accounts.service.js';

const accounts = new WeakMap<object, CarrierAccount>();

/** The account whose signature a request carries. Only behind `SignatureGuard`. */
export const signedAccount = (request: FastifyRequest): CarrierAccount => accounts.get(request)!;

/**
 * Twilio's signature over PUBLIC_BASE_URL + path and query, and every form field. Host and X-Forwarded-* are not
 * asked: anybody can write them. Runs before any pipe, so nothing has touched the fields yet.
 */
@Injectable()
export class SignatureGuard implements CanActivate {
  constructor(
    private readonly carrierAccounts: CarrierAccountsService,
    @Inject(GATEWAY_ENV) private readonly env: SmsGatewayEnv,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const signature = request.headers['x-twilio-signature'];
    const fields = (typeof request.body === 'object' && request.body) || {};
    if (typeof signature !== 'string') throw invalid();
    const sid = (fields as Record<string, unknown>)['AccountSid'];
    const account = await this.carrierAccounts.bySid(typeof sid === 'string' ? sid : undefined);
    if (!this.isValid(account.authToken, signature, request.url, fields)) throw invalid();
    accounts.set(request, account);
    return true;
  }

  /** The library throws on a URL or fields that it cannot read. */
  private isValid(token: string, signature: string, path: string, fields: object): boolean {
    try {
      return twilio.validateRequest(token, signature, this.env.PUBLIC_BASE_URL + path, fields as Record<string, unknown>);
    } catch {
      return false;
    }
  }
}

const invalid = (): DomainError =>
  new DomainError('invalid_signature', 'The X-Twilio-Signature header does not fit. Check PUBLIC_BASE_URL and the auth token.');
