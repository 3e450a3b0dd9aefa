import { readAnswer, TwimlError } from './twiml.js';

const twiml = (source: string) => readAnswer('text/xml; charset=utf-8', source);
const bodies = (source: string) => twiml(source).map((message) => message.body);
const refusal = (source: string, contentType = 'text/xml') => {
  try {
    readAnswer(contentType, source);
  } catch (error) {
    if (error instanceof TwimlError) return error.code;
    throw error;
  }
  return null;
};

describe('TwiML', () => {
  it('without a message says nothing', () => {
    expect(twiml('<?xml version="1.0" encoding="UTF-8"?><Response/>')).toEqual([]);
    expect(twiml('<Response></Response>')).toEqual([]);
    expect(twiml('')).toEqual([]);
  });

  it('carries several messages in order, as text or as Body and Media', () => {
    expect(
      twiml(`<Response>
        <Message>one</Message>
        <Message action="/sms/status?id=1&amp;n=2" to="+15550000001" from='+15550000002'>
          <Body>two</Body><Media>https://x.test/a.png</Media><Media> https://x.test/b.png </Media>
        </Message>
      </Response>`),
    ).toEqual([
      { body: 'one', mediaUrls: [] },
      {
        body: 'two',
        mediaUrls: ['https://x.test/a.png', 'https://x.test/b.png'],
        to: '+15550000001',
        from: '+15550000002',
        statusCallback: '/sms/status?id=1&n=2',
      },
    ]);
  });

  it('takes the legacy statusCallback attribute, and action before it', () => {
    expect(twiml('<Response><Message statusCallback="/old">x</Message></Response>')[0]?.statusCallback).toBe('/old');
    expect(twiml('<Response><Message statusCallback="/old" action="/new">x</Message></Response>')[0]?.statusCallback).toBe('/new');
  });

  it('is unescaped exactly once', () => {
    expect(bodies('<Response><Message>&lt;b&gt; &amp;amp; &quot;&apos; &#9731; &#x1F600; &amp;#65;</Message></Response>')).toEqual([
      '<b> &amp; "\' ☃ 😀 &#65;',
    ]);
    expect(bodies('<Response><Message><![CDATA[a < b && c &amp; ]] > d]]></Message></Response>')).toEqual(['a < b && c &amp; ]] > d']);
  });

  it('keeps white space of a text, drops the layout around elements, ignores comments and unknown verbs', () => {
    expect(bodies('<Response><Message>  two\r\nlines </Message></Response>')).toEqual(['  two\nlines ']);
    expect(bodies('<Response><Message>\n  hi <Media>x</Media>\n</Message></Response>')).toEqual(['hi']);
    expect(bodies('<Response><!-- <Message>no</Message> --><Dial>1</Dial><Message>a<!-- - -->b</Message></Response>')).toEqual(['ab']);
  });

  it.each([
    '<Response>',
    '<Response><Message>x</Response>',
    '<Response><Message>x</message></Response>',
    '<Response><Message>a & b</Message></Response>',
    '<Response><Message>a &nbsp; b</Message></Response>',
    '<Response><Message>&#0;</Message></Response>',
    '<Response><Message>&#xD800;</Message></Response>',
    '<Response><Message>&constructor;</Message></Response>',
    '<Response><Message to="1" to="2">x</Message></Response>',
    '<Response><Message to=1>x</Message></Response>',
    '<Response/><Response/>',
    'hello <Response/>',
    '<Answer><Message>x</Message></Answer>',
    '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Response><Message>&b;</Message></Response>',
    '<!DOCTYPE r SYSTEM "file:///etc/passwd"><Response/>',
    '<Response><!-- never ends',
    '<Response><![CDATA[ never ends',
    '<a>'.repeat(5_000),
    '{"message":"x"}',
  ])('that is not well-formed is refused as a whole (%#)', (source) => expect(refusal(source)).toBe(12100));

  it('with attributes named like members of an object stays data', () => {
    expect(twiml('<Response><Message __proto__="x" constructor="y">a</Message></Response>')).toEqual([{ body: 'a', mediaUrls: [] }]);
  });

  it('is only taken from XML; plain text is one message; another type is refused', () => {
    expect(readAnswer('text/plain', 'hello <b>')).toEqual([{ body: 'hello <b>', mediaUrls: [] }]);
    expect(refusal('{"a":1}', 'application/json')).toBe(12300);
    expect(refusal(`<Response><Message>${'x'.repeat(70_000)}</Message></Response>`)).toBe(11750);
  });

  it('reads hostile input in time that grows with its length', () => {
    const startedAt = performance.now();
    refusal(`<Response><Message${' a'.repeat(30_000)}`);
    refusal(`<Response>${'&'.repeat(60_000)}`);
    refusal(`<Response><Message to="${'<'.repeat(60_000)}`);
    refusal(`<Response>${' '.repeat(60_000)}<Message${' '.repeat(1_000)}`);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});
