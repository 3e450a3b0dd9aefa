import { Module } from '@nestjs/common';
import { PlatformModule } from '@darkspere/platform';

@Module({ imports: [PlatformModule.forRoot({ name: 'orchestrator', poolSize: 2 })] })
export class OrchestratorModule {}
