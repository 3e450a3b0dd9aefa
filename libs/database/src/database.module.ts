import { Inject, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { Pool } from 'pg';
import { DataSource, type EntityTarget, type ObjectLiteral } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { Sql } from './sql.js';

export interface DatabaseOptions {
  url: string;
  /** Shown by the server in pg_stat_activity. */
  applicationName: string;
  entities?: (new () => ObjectLiteral)[];
  poolSize?: number;
}

/**
 * Our statements find rows by key, in functions whose plans are kept. Custom plans would be made anew at each call of a
 * partitioned table (they prune, so they look cheaper: 5x the time measured), and a plan made while a table was empty must
 * not scan it for ever after.
 */
const PLANNER = ['plan_cache_mode=force_generic_plan', 'jit=off', 'enable_seqscan=off', 'enable_hashjoin=off', 'enable_mergejoin=off']
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** TypeORM's DataSource for entities and plain CRUD, and `Sql` over the same pool for functions. */
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(@Inject(DataSource) private readonly source: DataSource) {}

  static forRoot(options: DatabaseOptions): DynamicModule {
    const entities: EntityTarget<ObjectLiteral>[] = options.entities ?? [];
    return {
      module: DatabaseModule,
      global: true,
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: options.url,
          entities: entities as (new () => ObjectLiteral)[],
          synchronize: false,
          applicationName: options.applicationName,
          poolSize: options.poolSize ?? 8,
          connectTimeoutMS: 3_000,
          // The supervisor starts apps before the database is back: keep trying for a minute, quietly.
          retryAttempts: 60,
          retryDelay: 1_000,
          extra: { idleTimeoutMillis: 60_000, keepAlive: true, options: PLANNER },
          poolErrorHandler: () => undefined,
        }),
        ...(entities.length > 0 ? [TypeOrmModule.forFeature(entities as (new () => ObjectLiteral)[])] : []),
      ],
      providers: [
        {
          provide: Sql,
          inject: [DataSource],
          useFactory: (source: DataSource) => new Sql((source.driver as PostgresDriver).master as Pool),
        },
      ],
      exports: [Sql, TypeOrmModule],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.source.isInitialized) await this.source.destroy();
  }
}
