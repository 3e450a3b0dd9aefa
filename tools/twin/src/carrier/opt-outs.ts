/** Twilio's default keywords on long codes; only a text of that one word counts. */
const STOP = new Set(['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT']);
const START = new Set(['START', 'YES', 'UNSTOP']);

export type OptOutType = 'STOP' | 'START' | 'HELP';

const REPLIES = {
  STOP: 'You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe.',
  START: 'You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe.',
};

/** The carrier's own opt-out fence: per number, as Twilio's default is. */
export class OptOuts {
  readonly #blocked = new Set<string>();

  /** Takes note of a phone's text and returns what the carrier itself answers to it. */
  take(phone: string, number: string, body: string, type?: OptOutType): string | null {
    const word = body.trim().toUpperCase();
    const key = `${number} ${phone}`;
    if (type === 'STOP' || (!type && STOP.has(word))) {
      this.#blocked.add(key);
      return REPLIES.STOP;
    }
    if ((type === 'START' || (!type && START.has(word))) && this.#blocked.delete(key)) return REPLIES.START;
    return null;
  }

  isBlocked(phone: string, number: string): boolean {
    return this.#blocked.has(`${number} ${phone}`);
  }
}
