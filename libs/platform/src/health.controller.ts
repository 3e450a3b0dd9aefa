import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService, type HealthCheckResult, type HealthIndicatorResult } from '@nestjs/terminus';
import { Sql } from '@darkspere/database';
import { TransportHealth } from '@darkspere/transport';
import type { FastifyReply } from 'fastify';

const DATABASE_TIMEOUT_MS = 2_000;

/**
 * `/health/live`: the process answers. `/health` and `/health/ready`: the database answers too. Redis is a doorbell:
 * without it texts are still accepted and answered, later, so it shows as `degraded` with 200.
 */
@Controller('health')
export class HealthController {
  constructor(
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly sql: Sql,
    private readonly transport: TransportHealth,
  ) {}

  @Get('live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get(['', 'ready'])
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Omit<HealthCheckResult, 'status'> & { status: string }> {
    const result = await this.checks.check([() => this.database(), () => this.redis()]).catch((error: unknown) => {
      const response = (error as { getResponse?: () => unknown }).getResponse?.();
      if (!response) throw error;
      return response as HealthCheckResult;
    });
    if (result.status !== 'ok') {
      void reply.status(HttpStatus.SERVICE_UNAVAILABLE);
      return result;
    }
    return { ...result, status: result.details['redis']?.['isReachable'] === false ? 'degraded' : 'ok' };
  }

  private async database(): Promise<HealthIndicatorResult> {
    const check = this.indicators.check('database');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer')), DATABASE_TIMEOUT_MS);
    });
    try {
      await Promise.race([this.sql.pool.query('select 1'), late]);
      return check.up();
    } catch {
      return check.down('The database does not answer.');
    } finally {
      clearTimeout(timer);
    }
  }

  private async redis(): Promise<HealthIndicatorResult> {
    const { status, backlog } = await this.transport.check();
    return this.indicators.check('redis').up({ isReachable: status === 'up', backlog });
  }
}
