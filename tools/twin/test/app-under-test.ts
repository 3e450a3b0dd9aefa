import { parse } from 'node:querystring';
import { fastify } from 'fastify';
import type { FastifyReply } from 'fastify';
import twilio from 'twilio';

export type Form = Record<string, string>;

export interface Delivered {
  form: Form;
  /** Whether twilio's own library takes the signature for the given URL. */
  isSigned: boolean;
  token: string | undefined;
}

export type Answer = string | ((form: Form, reply: FastifyReply) => unknown);

/** A stand-in for the app: takes webhooks and callbacks, checks them with twilio's library, answers what it is told. */
export const appUnderTest = async (authToken: string, publicOrigin?: string) => {
  const app = fastify({ forceCloseConnections: true });
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) =>
    done(null, { ...parse(body as string) }),
  );
  const texts: Delivered[] = [];
  const callbacks: Delivered[] = [];
  let answer: Answer = '<Response/>';
  const take = (into: Delivered[], url: string, form: Form, headers: Record<string, string | string[] | undefined>): void => {
    const isSigned = twilio.validateRequest(authToken, String(headers['x-twilio-signature']), (publicOrigin ?? origin) + url, form);
    into.push({ form, isSigned, token: headers['i-twilio-idempotency-token'] as string | undefined });
  };

  app.post('/sms/incoming', async (request, reply) => {
    const form = request.body as Form;
    take(texts, request.url, form, request.headers);
    reply.type('text/xml');
    return typeof answer === 'string' ? answer : answer(form, reply);
  });
  app.post('/sms/status', async (request, reply) => {
    take(callbacks, request.url, request.body as Form, request.headers);
    return reply.code(204).send();
  });
  const origin = await app.listen({ port: 0, host: '127.0.0.1' });

  return {
    origin,
    webhookUrl: `${origin}/sms/incoming`,
    texts,
    callbacks,
    statuses: (sid: string) => callbacks.filter((c) => c.form['MessageSid'] === sid).map((c) => c.form['MessageStatus']),
    answers: (next: Answer) => {
      answer = next;
    },
    close: () => app.close(),
  };
};

/** The unmodified client of twilio with scheme and host of each call replaced. */
export const twilioClient = (
  base: string,
  accountSid: string,
  authToken: string,
  options: { timeout?: number; autoRetry?: boolean } = {},
) => {
  class LocalClient extends twilio.RequestClient {
    override request<T>(call: Parameters<InstanceType<typeof twilio.RequestClient>['request']>[0]): Promise<never> & T {
      const { pathname, search } = new URL(call.uri);
      return super.request({ ...call, uri: base + pathname + search }) as never;
    }
  }
  return twilio(accountSid, authToken, { httpClient: new LocalClient(options) as never });
};
