import { Body, Controller, Header, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SignatureGuard, signedAccount } from '../carrier/signature.guard.js';
import { InboundSms } from './inbound-sms.js';
import { InboundService } from './inbound.service.js';
import { TwimlRenderer } from './twiml.renderer.js';

@Controller('sms')
@UseGuards(SignatureGuard)
export class InboundController {
  constructor(
    private readonly inbound: InboundService,
    private readonly twiml: TwimlRenderer,
  ) {}

  /** Twilio's messaging webhook: 200 with TwiML, the answer in it if it came within the reply budget. */
  @Post('incoming')
  @HttpCode(200)
  @Header('content-type', 'text/xml; charset=utf-8')
  async incoming(
    @Body({ schema: InboundSms }) sms: InboundSms,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const answer = await this.inbound.accept(sms, signedAccount(request), request.headers['traceparent'] as string | undefined);
    return this.twiml.render(answer, reply.raw);
  }
}
