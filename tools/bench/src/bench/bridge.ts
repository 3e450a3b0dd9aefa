/**
 * The reference of `npm run bench`: what one would write in an afternoon. One process, fastify + pg + undici: verifies
 * the signature, commits the text, asks the agent, commits the answer, replies with TwiML. No sessions, no order, no
 * dedupe of a repeated text, no retry, no consent, no recovery: what is lost stays lost.
 */
import { fastify } from 'fastify';
import { Pool } from 'pg';
import twilio from 'twilio';
import { Agent } from 'undici';

const env = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
};

const [databaseUrl, agentUrl, publicBaseUrl, authToken] = ['DATABASE_URL', 'AGENT_URL', 'PUBLIC_BASE_URL', 'TWILIO_AUTH_TOKEN'].map(
  env,
) as [string, string, string, string];
const pool = new Pool({ connectionString: databaseUrl, max: 10 });
await pool.query(`create table if not exists messages (
  id bigint generated always as identity primary key, message_sid text not null unique, phone text not null,
  number text not null, body text not null, answer text, created_at timestamptz not null default now(), answered_at timestamptz)`);
const agent = new Agent({ connections: 128, keepAliveTimeout: 60_000 });
const { origin, pathname } = new URL(agentUrl);

const app = fastify();
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
  done(null, Object.fromEntries(new URLSearchParams(body as string))),
);

app.post('/sms/incoming', async (request, reply) => {
  const sms = request.body as Record<string, string>;
  if (!twilio.validateRequest(authToken, String(request.headers['x-twilio-signature']), publicBaseUrl + request.url, sms))
    return reply.code(403).send();
  const { rows } = await pool.query<{ id: string }>({
    name: 'text',
    text: 'insert into messages (message_sid, phone, number, body) values ($1, $2, $3, $4) returning id',
    values: [sms['MessageSid'], sms['From'], sms['To'], sms['Body']],
  });
  const { body } = await agent.request({
    origin,
    path: pathname,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      type: 'chat.request',
      session_id: sms['From'],
      phone_number: sms['From'],
      message: sms['Body'],
      context: {},
      metadata: {},
    }),
  });
  const { message } = (await body.json()) as { message: string };
  await pool.query({
    name: 'answer',
    text: 'update messages set answer = $2, answered_at = now() where id = $1',
    values: [rows[0]!.id, message],
  });
  const twiml = new twilio.twiml.MessagingResponse();
  twiml.message(message);
  return reply.type('text/xml').send(twiml.toString());
});

await app.listen({ port: Number(env('PORT')), host: '127.0.0.1' });
