import { Global, Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { TerminusModule } from '@nestjs/terminus';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { DatabaseModule, type DatabaseOptions } from '@darkspere/database';
import { TransportModule } from '@darkspere/transport';
import { z } from 'zod';
import { Alerts } from './alerts.js';
import { DeadLettersController, SERVICE_NAME } from './dead-letters.controller.js';
import { Egress } from './egress/egress.js';
import { PlatformEnv, readEnv } from './env.js';
import { HealthController } from './health.controller.js';
import { ProblemFilter } from './problem.filter.js';
import { SecretBox } from './secret-box.js';

export interface PlatformOptions extends Pick<DatabaseOptions, 'entities' | 'poolSize'> {
  name: string;
  /** The app's own variables: their faults are told together with the platform's. */
  env?: z.ZodType;
}

/** What every app has: database, transport, health, metrics, one error filter, the keys for secrets, the egress rules. */
@Global()
@Module({})
export class PlatformModule {
  static forRoot({ name, entities, poolSize, env: own = z.object({}) }: PlatformOptions): DynamicModule {
    const env = readEnv(PlatformEnv.and(own));
    return {
      module: PlatformModule,
      imports: [
        DatabaseModule.forRoot({ url: env.DATABASE_URL, applicationName: name, entities, poolSize }),
        TransportModule.forRoot({ service: name, redisUrl: env.REDIS_URL }),
        TerminusModule.forRoot({ logger: false }),
        // 10 ms, the default, wakes an idle process a hundred times a second: half of what it used.
        PrometheusModule.register({ path: '/metrics', defaultMetrics: { enabled: true, config: { eventLoopMonitoringPrecision: 100 } } }),
        ScheduleModule.forRoot(),
      ],
      controllers: [HealthController, DeadLettersController],
      providers: [
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: SecretBox, useFactory: () => new SecretBox(env.ENCRYPTION_KEYS) },
        { provide: Egress, useFactory: () => new Egress(env.AGENT_EGRESS_ALLOW) },
        { provide: SERVICE_NAME, useValue: name },
        Alerts,
      ],
      exports: [SecretBox, Egress, Alerts, DatabaseModule, TransportModule],
    };
  }
}
