import { Body, Controller, HttpCode, Post, Query, UseGuards } from '@nestjs/common';
import type { z } from 'zod';
import { SignatureGuard } from '../carrier/signature.guard.js';
import { DeliveryStatus, StatusQuery } from './delivery-status.js';
import { DeliveryService } from './delivery.service.js';

@Controller('sms')
@UseGuards(SignatureGuard)
export class DeliveryController {
  constructor(private readonly deliveries: DeliveryService) {}

  /** Status callback of outbound messages and the `action` of TwiML replies: in any order, any number of times. */
  @Post('status')
  @HttpCode(204)
  status(@Query({ schema: StatusQuery }) query: z.infer<typeof StatusQuery>, @Body({ schema: DeliveryStatus }) status: DeliveryStatus): Promise<void> {
    return this.deliveries.record(query.o, status);
  }
}
