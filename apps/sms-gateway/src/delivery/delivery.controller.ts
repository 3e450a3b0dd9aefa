import { Body, Controller, HttpCode, Post, Query, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { SignatureGuard, signedAccount } from '../carrier/signature.guard.js';
import { DeliveryStatus, StatusQuery } from './delivery-status.js';
import { DeliveryService } from './delivery.service.js';

@Controller('sms')
@UseGuards(SignatureGuard)
export class DeliveryController {
  constructor(private readonly deliveries: DeliveryService) {}

  /** Status callback of outbound messages and the `action` of TwiML replies: in any order, any number of times. */
  @Post('status')
  @HttpCode(204)
  status(
    @Query({ schema: StatusQuery }) query: z.infer<typeof StatusQuery>,
    @Body({ schema: DeliveryStatus }) status: DeliveryStatus,
    @Req() request: FastifyRequest,
  ): Promise<void> {
    return this.deliveries.record(signedAccount(request).accountId, query.o, status);
  }
}
