import { Inbox } from './inbox.js';

const message = (to: string, body: string) => ({ sid: `SM${body}`, from: '+15550001000', to, body, media_urls: [], via: 'rest' as const });

describe('the inbox of a phone', () => {
  it('shows what came after a sequence number, and only to its own phone', () => {
    const inbox = new Inbox();
    inbox.push(message('+1', 'a'));
    inbox.push(message('+2', 'b'));
    inbox.push(message('+1', 'c'));
    expect(inbox.read('+1', 0).messages.map((m) => m.body)).toEqual(['a', 'c']);
    expect(inbox.read('+1', 1).messages.map((m) => m.body)).toEqual(['c']);
    expect(inbox.read('+2', 2)).toEqual({ messages: [], last_seq: 3 });
  });

  it('answers a waiting reader when a message arrives, not at the end of the wait', async () => {
    const inbox = new Inbox();
    const reading = inbox.wait('+1', 0, 60_000);
    inbox.push(message('+2', 'other'));
    inbox.push(message('+1', 'mine'));
    expect((await reading).messages.map((m) => m.body)).toEqual(['mine']);
  });

  it('answers a waiting reader with nothing when the wait is over or the inbox closes', async () => {
    const inbox = new Inbox();
    expect((await inbox.wait('+1', 0, 5)).messages).toEqual([]);
    const reading = inbox.wait('+1', 0, 60_000);
    inbox.close();
    expect((await reading).messages).toEqual([]);
  });
});
