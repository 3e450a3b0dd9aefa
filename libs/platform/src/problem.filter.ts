import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { DomainError, errorStatus } from '@darkspere/domain';
import type { FastifyReply, FastifyRequest } from 'fastify';

interface Problem {
  status: number;
  code: string;
  detail: string;
  details?: unknown;
}

const CODE_BY_STATUS: Readonly<Record<number, string>> = {
  400: 'invalid_request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'route_not_found',
  405: 'method_not_allowed',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
};

const describe = (error: unknown): Problem => {
  if (error instanceof DomainError) {
    const status = errorStatus(error.code);
    if (status !== 500) return { status, code: error.code, detail: error.message, details: error.details };
  }
  // Nest's own and Fastify's (body too large, malformed JSON, unknown media type).
  const status = error instanceof HttpException ? error.getStatus() : (error as { statusCode?: number } | undefined)?.statusCode;
  if (!status || status >= 500) return { status: 500, code: 'internal', detail: 'Something went wrong on our side.' };
  return { status, code: CODE_BY_STATUS[status] ?? 'invalid_request', detail: (error as Error).message };
};

const send = (problem: Problem, request: FastifyRequest, reply: FastifyReply): void => {
  void reply
    .status(problem.status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .send({
      type: 'about:blank',
      title: problem.code.replaceAll('_', ' '),
      status: problem.status,
      code: problem.code,
      detail: problem.detail,
      instance: request.id,
      ...(problem.details === undefined ? {} : { errors: problem.details }),
    });
};

/** For what Fastify refuses before it has a route (a path that is no URL), where no filter is asked. */
export const answerFrameworkError = (error: Error, request: FastifyRequest, reply: FastifyReply): void =>
  send(describe(error), request, reply);

/** Everything that goes wrong in an HTTP request leaves as `application/problem+json` with a stable `code`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Http');

  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const problem = describe(error);
    if (problem.status >= 500) {
      // The only place that logs what a request did not cause, with what it takes to find it again.
      const line = `${request.method} ${request.routeOptions?.url ?? 'unknown route'} ${request.id} ${problem.code}: ${(error as Error | undefined)?.message}`;
      if (error instanceof DomainError) this.logger.warn(line);
      else this.logger.error(line, (error as Error | undefined)?.stack ?? '', 'Http');
    }
    send(problem, request, host.switchToHttp().getResponse<FastifyReply>());
  }
}
