import { Module } from '@nestjs/common';
import { PlatformModule } from '@darkspere/platform';

@Module({ imports: [PlatformModule.forRoot({ name: 'billing', poolSize: 2 })] })
export class BillingModule {}
