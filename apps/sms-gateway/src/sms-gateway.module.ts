import { Module } from '@nestjs/common';
import { PlatformModule } from '@darkspere/platform';
import { CarrierAccountsController } from './carrier/carrier-accounts.controller.js';
import { CarrierAccountsService } from './carrier/carrier-accounts.service.js';
import { CarrierClient } from './carrier/carrier.client.js';
import { DeliveryController } from './delivery/delivery.controller.js';
import { DeliveryRepository } from './delivery/delivery.repository.js';
import { DeliveryService } from './delivery/delivery.service.js';
import { GATEWAY_ENV, SmsGatewayEnv, readGatewayEnv } from './env.js';
import { Doorbell } from './inbound/doorbell.js';
import { InboundController } from './inbound/inbound.controller.js';
import { InboundRepository } from './inbound/inbound.repository.js';
import { InboundService } from './inbound/inbound.service.js';
import { ReplyWaiter } from './inbound/reply-waiter.js';
import { TwimlRenderer } from './inbound/twiml.renderer.js';
import { WrittenReplies } from './inbound/written-replies.js';
import { MessagesController } from './messages/messages.controller.js';
import { MessagesService } from './messages/messages.service.js';
import { NumbersController } from './numbers/numbers.controller.js';
import { NumbersService } from './numbers/numbers.service.js';
import { PhoneNumber } from './numbers/phone-number.entity.js';
import { PartitionsService } from './partitions.service.js';
import { ReconcilerService } from './sender/reconciler.service.js';
import { SenderService } from './sender/sender.service.js';

@Module({
  imports: [PlatformModule.forRoot({ name: 'sms-gateway', entities: [PhoneNumber], env: SmsGatewayEnv })],
  controllers: [InboundController, DeliveryController, MessagesController, NumbersController, CarrierAccountsController],
  providers: [
    { provide: GATEWAY_ENV, useFactory: readGatewayEnv },
    CarrierAccountsService,
    CarrierClient,
    Doorbell,
    InboundRepository,
    InboundService,
    ReplyWaiter,
    TwimlRenderer,
    WrittenReplies,
    DeliveryRepository,
    DeliveryService,
    SenderService,
    ReconcilerService,
    MessagesService,
    NumbersService,
    PartitionsService,
  ],
})
export class SmsGatewayModule {}
