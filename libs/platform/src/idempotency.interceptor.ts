import { createHash } from 'node:crypto';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Sql } from '@darkspere/database';
import { DomainError } from '@darkspere/domain';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { catchError, concatMap, from, of, throwError, type Observable } from 'rxjs';
import { callerOf } from './api-key.guard.js';

interface Earlier {
  status: number | null;
  body: unknown;
  matches: boolean;
}

/**
 * A POST with an `Idempotency-Key` is done once: a repeat within 24 hours gets the first answer, a repeat with another
 * body gets 422, one that comes while the first still runs gets 409. What failed is not kept: its repeat is judged anew.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(private readonly sql: Sql) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    if (request.method !== 'POST' || typeof key !== 'string') return next.handle();
    if (key.length === 0 || key.length > 255) throw new DomainError('invalid_request', 'Idempotency-Key must have 1 to 255 characters.');

    const { accountId } = callerOf(context);
    // The path itself: the same key on two resources of one route is two requests.
    const route = request.url;
    const hash = createHash('sha256')
      .update(JSON.stringify(request.body ?? null))
      .digest('hex');
    const earlier = await this.sql.value<Earlier | null>('security.begin_idempotent', [accountId, route, key, hash, new Date()]);
    if (earlier) {
      if (!earlier.matches) throw new DomainError('idempotency_mismatch', 'This Idempotency-Key was used with another body.');
      if (earlier.status === null)
        throw new DomainError('idempotency_in_progress', 'The first request with this Idempotency-Key is still running.');
      const reply = http.getResponse<FastifyReply>();
      void reply.status(earlier.status).header('idempotent-replayed', 'true');
      return of(earlier.body ?? undefined);
    }
    return next.handle().pipe(
      concatMap(async (body: unknown) => {
        const status = http.getResponse<FastifyReply>().statusCode;
        await this.sql.value('security.end_idempotent', [accountId, route, key, status, JSON.stringify(body ?? null)]);
        return body;
      }),
      catchError((error: unknown) =>
        from(this.sql.value('security.cancel_idempotent', [accountId, route, key])).pipe(concatMap(() => throwError(() => error))),
      ),
    );
  }
}
