import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { EventLog } from '../event-log.js';
import type { FaultDice } from '../faults.js';
import type { Inbox } from '../inbox.js';
import { Text } from './texts.js';
import type { Texts } from './texts.js';

const Phone = z.object({ phone: z.string().min(1).max(64) });
const After = z.object({ after: z.coerce.number().int().min(0).default(0) });
/** In seconds; fractions are fine. */
const Wait = After.extend({ wait: z.coerce.number().min(0).max(60).default(0) });
const Limit = After.extend({ limit: z.coerce.number().int().min(1).optional() });

/** The phones, and what a test may do to the carrier: its log and its faults. */
export const phonesRoutes =
  (parts: { texts: Texts; inbox: Inbox; events: EventLog; dice: FaultDice }) =>
  async (app: FastifyInstance): Promise<void> => {
    const { texts, inbox, events, dice } = parts;

    app.post('/twin/phones/:phone/texts', async (request, reply) => {
      const { phone } = Phone.parse(request.params);
      const text = Text.parse(request.body);
      return reply.code(text.wait ? 200 : 202).send(await texts.send(phone, text));
    });

    app.get('/twin/phones/:phone/messages', async (request) => {
      const { after, wait } = Wait.parse(request.query);
      return inbox.wait(Phone.parse(request.params).phone, after, wait * 1_000);
    });

    app.get('/twin/log', async (request) => {
      const { after, limit } = Limit.parse(request.query);
      return { events: events.after(after, limit), last_seq: events.lastSeq };
    });

    app.get('/twin/faults', async () => dice.faults);

    app.put('/twin/faults', async (request) => dice.replace((request.body ?? {}) as object));
  };
