import { InboundSms, addressOn, channelOf, mediaOf, otherFields } from './inbound-sms.js';

const form = (fields: Record<string, unknown> = {}): InboundSms =>
  InboundSms.parse({ MessageSid: 'SM1', From: '+15557770001', To: '+15550001000', ...fields });

describe('InboundSms', () => {
  it('reads the first of a field that comes twice, and keeps both', () => {
    const sms = form({ From: ['+15557770001', '+1999'], Body: ['a', 'b'], Extra: ['x', 'y'] });
    expect([sms.From, sms.Body]).toEqual(['+15557770001', 'a']);
    expect(otherFields(sms)).toEqual({ Extra: ['x', 'y'] });
  });

  it('takes what Postgres cannot hold out of every name and value', () => {
    const sms = form({ Body: 'a\0b\ud800', 'N\0ame': 'v\0', Twice: ['\udfff', '\0'], MediaUrl0: 'https://m/\0', NumMedia: '1' });
    expect(sms.Body).toBe('ab\ufffd');
    expect(otherFields(sms)).toEqual({ Name: 'v', Twice: ['\ufffd', ''], MediaUrl0: 'https://m/', NumMedia: '1' });
    expect(mediaOf(sms)).toEqual([{ url: 'https://m/', contentType: null }]);
  });

  it('counts on NumMedia and on no URL that is missing', () => {
    expect(mediaOf(form({ MediaUrl0: 'https://m/0' }))).toEqual([]);
    expect(mediaOf(form({ NumMedia: '3', MediaUrl0: 'https://m/0', MediaUrl2: 'https://m/2', MediaContentType2: 'image/png' }))).toEqual([
      { url: 'https://m/0', contentType: null },
      { url: 'https://m/2', contentType: 'image/png' },
    ]);
  });

  it.each(['+15557770001', '12345', 'MyBank', 'My Bank 24', 'whatsapp:+15557770001', 'messenger:1234', ' +15557770001 ', 'Café'])(
    'takes the sender %j',
    (From) => {
      expect(form({ From }).From).toBe(From.trim());
    },
  );

  it.each(['', ' ', '+1\n555', 'a  b', 'a\tb', ':', 'whatsapp:', 'a:b:c', 'x'.repeat(65), '\u0007', 7, null, {}])(
    'does not take the sender %j',
    (From) => {
      expect(InboundSms.safeParse({ MessageSid: 'SM1', To: '+15550001000', From }).success).toBe(false);
    },
  );

  it('is judged in time that grows with its length only', () => {
    const startedAt = performance.now();
    InboundSms.safeParse({ MessageSid: 'SM1', To: 'a '.repeat(200_000), From: `${'a '.repeat(200_000)}\t`, Body: ' '.repeat(1_000_000) });
    expect(performance.now() - startedAt).toBeLessThan(500);
  });
});

describe('channelOf', () => {
  it('tells WhatsApp from everything else, and addressOn turns it back', () => {
    for (const address of ['+15557770001', '12345', 'MyBank', 'whatsapp:+15557770001']) {
      const { channel, phone } = channelOf(address);
      expect(phone).not.toContain('whatsapp');
      expect(addressOn(channel, phone)).toBe(address);
    }
  });
});
