import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { Sql } from '@darkspere/database';

/** Keeps the monthly partitions of `messaging` and of what is written with it ahead of time. */
@Injectable()
export class PartitionsService implements OnModuleInit {
  private readonly logger = new Logger(PartitionsService.name);

  constructor(private readonly sql: Sql) {}

  onModuleInit(): Promise<void> {
    return this.ensure();
  }

  @Cron(CronExpression.EVERY_DAY_AT_3AM)
  async ensure(): Promise<void> {
    try {
      const made = await this.sql.value<number>('platform.ensure_all_partitions', [new Date()]);
      if (made > 0) this.logger.log(`${made} partitions were made`);
    } catch (error) {
      // Eight weeks are made ahead, and rows of a later week would go to the default partition.
      this.logger.error(`partitions could not be made: ${(error as Error).message}`);
    }
  }
}
