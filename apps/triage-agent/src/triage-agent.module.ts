import { Module } from '@nestjs/common';
import { PlatformModule } from '@darkspere/platform';

@Module({ imports: [PlatformModule.forRoot({ name: 'triage-agent', poolSize: 2 })] })
export class TriageAgentModule {}
