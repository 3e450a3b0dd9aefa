import { timingSafeEqual } from 'node:crypto';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { EventLog } from '../event-log.js';
import type { FaultDice } from '../faults.js';
import type { Pending } from '../pending.js';
import { CarrierError } from './carrier-error.js';
import type { Deliveries } from './deliveries.js';
import { messageResource, messagesPath } from './message.js';
import { messageFilter, messagesPage } from './message-list.js';
import type { MessageStore } from './message-store.js';

type Form = Record<string, string | string[] | undefined>;

const one = (value: string | string[] | undefined): string => (Array.isArray(value) ? value[0] : value) ?? '';
const many = (value: string | string[] | undefined): string[] => (value === undefined ? [] : [value].flat());

/** The Messages resource of Twilio's REST API, 2010-04-01: create, list, fetch. */
export const restRoutes =
  (parts: {
    accountSid: string;
    authToken: string;
    deliveries: Deliveries;
    store: MessageStore;
    dice: FaultDice;
    events: EventLog;
    pending: Pending;
  }) =>
  async (app: FastifyInstance): Promise<void> => {
    const { accountSid, deliveries, store, dice, events, pending } = parts;
    const credentials = Buffer.from(`Basic ${Buffer.from(`${accountSid}:${parts.authToken}`).toString('base64')}`);
    const path = messagesPath(accountSid);

    const isKnown = (header = ''): boolean => {
      const given = Buffer.from(header);
      return given.length === credentials.length && timingSafeEqual(given, credentials);
    };

    const misbehave = async (): Promise<void> => {
      if (dice.faults.rest_delay_ms > 0) await pending.pause(dice.faults.rest_delay_ms);
      if (dice.strikes('rest_429_rate')) throw new CarrierError(20429);
      if (dice.strikes('rest_error_rate')) throw new CarrierError(20500);
    };

    app.addHook('preHandler', async (request: FastifyRequest) => {
      if (!isKnown(request.headers.authorization)) throw new CarrierError(20003);
      await misbehave();
    });

    app.setErrorHandler((error: FastifyError | CarrierError, request, reply) => {
      const failure = error instanceof CarrierError ? error : new CarrierError(20500, error.message);
      const to = one((request.body as Form | undefined)?.['To']) || null;
      events.add({ type: 'rest.refused', http_status: failure.status, code: failure.code, method: request.method, to });
      return reply.code(failure.status).send(failure.toResource());
    });

    app.post(`${path}.json`, async (request, reply: FastifyReply) => {
      const form = (request.body ?? {}) as Form;
      const message = deliveries.accept({
        direction: 'outbound-api',
        from: one(form['From']),
        to: one(form['To']),
        body: one(form['Body']),
        mediaUrls: many(form['MediaUrl']),
        statusCallback: one(form['StatusCallback']) || null,
        inReplyToSid: null,
      });
      if (dice.strikes('rest_accept_then_drop_rate')) {
        events.add({ type: 'rest.dropped', sid: message.sid });
        reply.hijack();
        request.raw.socket.destroy();
        return;
      }
      return reply.code(201).send(messageResource(message, accountSid));
    });

    app.get<{ Querystring: Record<string, string> }>(`${path}.json`, async (request) => {
      const { query } = request;
      return messagesPage(store, messageFilter(query), query, accountSid);
    });

    app.get<{ Params: { sid: string } }>(`${path}/:sid.json`, async (request) => {
      const message = store.get(request.params.sid);
      if (!message) throw new CarrierError(20404, `The requested resource ${request.url} was not found`);
      return messageResource(message, accountSid);
    });

    app.all('/2010-04-01/*', async (request) => {
      throw new CarrierError(20404, `The requested resource ${request.url} was not found`);
    });
  };
