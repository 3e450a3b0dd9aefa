import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Param, Patch, Post, Query, UseGuards, UseInterceptors } from '@nestjs/common';
import { AccountId, IdempotencyInterceptor, Scoped } from '@darkspere/platform';
import { IdPath, Page } from '../request.schemas.js';
import type { AgentView, ProbedView } from './agent-view.js';
import { PatchAgent, RegisterAgent } from './agents.schemas.js';
import { AgentsService } from './agents.service.js';
import { PhoneGrantGuard } from './phone-grant.guard.js';

@Controller('api/v1/agents')
export class AgentsController {
  constructor(private readonly agents: AgentsService) {}

  @Post('register')
  // Decorators apply from below: the key is known when the grant is judged.
  @UseGuards(PhoneGrantGuard)
  @Scoped('write')
  @UseInterceptors(IdempotencyInterceptor)
  register(@AccountId() accountId: string, @Body({ schema: RegisterAgent }) agent: RegisterAgent): Promise<ProbedView> {
    return this.agents.register(accountId, agent);
  }

  @Get()
  @Scoped('read')
  list(@AccountId() accountId: string, @Query({ schema: Page }) page: Page): Promise<{ agents: AgentView[] }> {
    return this.agents.list(accountId, page);
  }

  @Get(':id')
  @Scoped('read')
  get(@AccountId() accountId: string, @Param({ schema: IdPath }) { id }: IdPath): Promise<AgentView> {
    return this.agents.get(accountId, id);
  }

  @Patch(':id')
  @UseGuards(PhoneGrantGuard)
  @Scoped('write')
  change(
    @AccountId() accountId: string,
    @Param({ schema: IdPath }) { id }: IdPath,
    @Body({ schema: PatchAgent }) patch: PatchAgent,
  ): Promise<AgentView> {
    return this.agents.change(accountId, id, patch);
  }

  @Delete(':id')
  @Scoped('write')
  @HttpCode(HttpStatus.NO_CONTENT)
  retire(@AccountId() accountId: string, @Param({ schema: IdPath }) { id }: IdPath): Promise<void> {
    return this.agents.retire(accountId, id);
  }

  /** Without the interceptor: a second probe has to ask the agent again. */
  @Post(':id/probe')
  @Scoped('write')
  @HttpCode(HttpStatus.OK)
  probe(@AccountId() accountId: string, @Param({ schema: IdPath }) { id }: IdPath): Promise<ProbedView> {
    return this.agents.probe(accountId, id);
  }
}
