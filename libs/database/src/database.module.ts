import { Inject, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Pool } from 'pg';
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
 * Our statements find rows by key, in functions whose plans are kept. A plan that was made while a table was empty must
 * not scan it ever after (measured: 40 ms a turn instead of 1), so look-ups by index have to win whatever the statistics
 * say: no hash or merge joins, no materialised inner side,
 * and pages cost nothing, since what is hot is in memory. Custom plans would be made anew at
 * each call of a partitioned table: they prune, so they look cheaper (measured: 5x the time).
 */
export const PLANNER = [
  'plan_cache_mode=force_generic_plan',
  'jit=off',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'enable_material=off',
  'seq_page_cost=0',
  'random_page_cost=0',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

const CONNECT_TIMEOUT_MS = 3_000;
const CONNECTION = { idleTimeoutMillis: 60_000, keepAlive: true, options: PLANNER };

const ownConnection = ({ url, applicationName }: DatabaseOptions): Pool => {
  const pool = new Pool({
    connectionString: url,
    application_name: applicationName,
    max: 1,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...CONNECTION,
  });
  // An idle connection that breaks is replaced at the next call.
  pool.on('error', () => undefined);
  return pool;
};

/** TypeORM's DataSource for entities and plain CRUD, and `Sql` over the same pool for functions. */
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(
    @Inject(DataSource) private readonly source: DataSource,
    @Inject(Sql) private readonly sql: Sql,
  ) {}

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
          connectTimeoutMS: CONNECT_TIMEOUT_MS,
          // The supervisor starts apps before the database is back: keep trying for a minute, quietly.
          retryAttempts: 60,
          retryDelay: 1_000,
          extra: CONNECTION,
          poolErrorHandler: () => undefined,
        }),
        ...(entities.length > 0 ? [TypeOrmModule.forFeature(entities as (new () => ObjectLiteral)[])] : []),
      ],
      providers: [
        {
          provide: Sql,
          inject: [DataSource],
          useFactory: (source: DataSource) => new Sql((source.driver as PostgresDriver).master as Pool, () => ownConnection(options)),
        },
      ],
      exports: [Sql, TypeOrmModule],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.sql.close();
    if (this.source.isInitialized) await this.source.destroy();
  }
}
