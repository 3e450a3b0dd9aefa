import { Agent } from 'undici';
import { signature } from './signature.js';

export interface FormPost {
  /** What the signature covers; a fragment is for the carrier alone and is left out. */
  signUrl: string;
  /** Where the form is sent. */
  url: URL;
  form: Readonly<Record<string, string>>;
  headers?: Record<string, string>;
  timeoutMs: number;
}

export interface FormAnswer {
  status: number;
  contentType: string;
  text: string;
}

/** Twilio gives a connection 5 s: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides */
const CONNECT_TIMEOUT_MS = 5_000;

/** Posts signed forms to the app over kept-alive connections. Any HTTP answer is an answer; only no answer throws. */
export class FormSender {
  readonly #agent = new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS }, headersTimeout: 0, bodyTimeout: 0 });

  constructor(private readonly authToken: string) {}

  async post({ signUrl, url, form, headers, timeoutMs }: FormPost): Promise<FormAnswer> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      const response = await this.#agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
          'user-agent': 'TwilioProxy/1.1',
          'x-twilio-signature': signature(this.authToken, signUrl.replace(/#.*$/s, ''), form),
          ...headers,
        },
        body: new URLSearchParams(form).toString(),
        signal: limit.signal,
      });
      const text = await response.body.text();
      return { status: response.statusCode, contentType: String(response.headers['content-type'] ?? ''), text };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends every connection, also those that wait for an answer. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }
}
