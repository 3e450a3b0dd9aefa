import type { AddressInfo } from 'node:net';
import type { z } from 'zod';
import { AgentControl } from './agents/agent-control.js';
import type { Control } from './agents/agent-control.js';
import { agentsRoutes } from './agents/agents.routes.js';
import { CallLog } from './agents/call-log.js';
import type { AgentCall } from './agents/call-log.js';
import { chatRoutes } from './agents/chat.routes.js';
import { Conversations } from './agents/conversations.js';
import { mcpRoutes } from './agents/mcp.routes.js';
import { Deliveries } from './carrier/deliveries.js';
import { FormSender } from './carrier/form-sender.js';
import { InboundDelivery } from './carrier/inbound-delivery.js';
import type { TextResult } from './carrier/inbound-delivery.js';
import { MessageStore } from './carrier/message-store.js';
import { OptOuts } from './carrier/opt-outs.js';
import { phonesRoutes } from './carrier/phones.routes.js';
import { restRoutes } from './carrier/rest.routes.js';
import { StatusCallbacks } from './carrier/status-callbacks.js';
import { Texts } from './carrier/texts.js';
import type { Text } from './carrier/texts.js';
import { Webhook } from './carrier/webhook.js';
import { EventLog } from './event-log.js';
import type { TwinEvent } from './event-log.js';
import { FaultDice } from './faults.js';
import type { Faults } from './faults.js';
import { Inbox } from './inbox.js';
import type { InboxMessage } from './inbox.js';
import { Pending } from './pending.js';
import { createServer, gracefulClose } from './server.js';

export interface TwinOptions {
  /** Default: any free port. */
  port?: number;
  host?: string;
  accountSid?: string;
  authToken?: string;
  /** Where texts are posted to. It can be given later, with `setWebhook`. */
  webhookUrl?: string;
  /** What signatures cover when the app is known under another address than `webhookUrl`. */
  signUrl?: string;
  /** For a text's webhook with all its retries. Default: Twilio's 15 s. */
  webhookTimeoutMs?: number;
  /** After a failed connection or a 5xx. Default 3. */
  webhookRetries?: number;
  /** Before the first retry; the next ones wait two, three times as long. Default 250. */
  webhookRetryPauseMs?: number;
  faults?: z.input<typeof Faults>;
}

/** The same as the HTTP API, without HTTP between. */
export interface Twin {
  readonly url: string;
  readonly accountSid: string;
  readonly authToken: string;
  text(phone: string, text: z.input<typeof Text>): Promise<TextResult>;
  /** `wait` in seconds. */
  inbox(phone: string, options?: { after?: number; wait?: number }): Promise<InboxMessage[]>;
  /** Replaces all faults if any are given, and tells which ones hold. */
  faults(faults?: z.input<typeof Faults>): Faults;
  log(after?: number): TwinEvent[];
  calls(after?: number): AgentCall[];
  clearCalls(): void;
  control(control: z.input<typeof Control>): Control;
  setWebhook(url: string, signUrl?: string): void;
  /** Resolves when no text, delivery or callback is under way. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Work under way at the end gets this long. */
const CLOSE_LIMIT_MS = 2_000;

export const DEFAULT_ACCOUNT_SID = `AC${'0'.repeat(31)}1`;
export const DEFAULT_AUTH_TOKEN = 'twin-auth-token';

/** Starts a twin of the outside world: a Twilio-compatible carrier with phones, and sample agents. */
export const createTwin = async (options: TwinOptions = {}): Promise<Twin> => {
  const { accountSid = DEFAULT_ACCOUNT_SID, authToken = DEFAULT_AUTH_TOKEN, host = '127.0.0.1' } = options;
  let webhook = options.webhookUrl === undefined ? null : new Webhook(options.webhookUrl, options.signUrl);
  const policy = {
    timeoutMs: options.webhookTimeoutMs ?? 15_000,
    retries: options.webhookRetries ?? 3,
    retryPauseMs: options.webhookRetryPauseMs ?? 250,
  };

  const [dice, events, pending, inbox, store, optOuts] = [
    new FaultDice(options.faults),
    new EventLog(),
    new Pending(),
    new Inbox(),
    new MessageStore(),
    new OptOuts(),
  ];
  const sender = new FormSender(authToken);
  const carrier = { accountSid, authToken, dice, events, pending, inbox, store, optOuts, sender, webhook: () => webhook };
  const callbacks = new StatusCallbacks(carrier);
  const deliveries = new Deliveries({ ...carrier, callbacks });
  const delivery = new InboundDelivery({ ...carrier, deliveries, policy });
  const texts = new Texts({ ...carrier, delivery });

  const agents = { calls: new CallLog(), control: new AgentControl(), conversations: new Conversations() };

  const app = createServer();
  const closeServer = gracefulClose(app);
  await app.register(restRoutes({ ...carrier, deliveries }));
  await app.register(phonesRoutes({ ...carrier, texts }));
  await app.register(chatRoutes(agents));
  await app.register(mcpRoutes(agents));
  await app.register(agentsRoutes(agents));
  app.addHook('preClose', () => {
    inbox.close();
    agents.control.close();
  });
  await app.listen({ port: options.port ?? 0, host });
  const { port } = app.server.address() as AddressInfo;

  return {
    url: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`,
    accountSid,
    authToken,
    text: (phone, text) => texts.send(phone, text),
    inbox: async (phone, { after = 0, wait = 0 } = {}) => (await inbox.wait(phone, after, wait * 1_000)).messages,
    faults: (faults) => (faults ? dice.replace(faults) : dice.faults),
    log: (after = 0) => events.after(after),
    calls: (after = 0) => agents.calls.after(after),
    clearCalls: () => agents.calls.clear(),
    control: (control) => agents.control.set(control),
    setWebhook: (url, signUrl) => {
      webhook = new Webhook(url, signUrl);
    },
    settled: () => pending.settled(),
    close: async () => {
      await Promise.all([closeServer(CLOSE_LIMIT_MS), pending.close(CLOSE_LIMIT_MS)]);
      await sender.close();
    },
  };
};
