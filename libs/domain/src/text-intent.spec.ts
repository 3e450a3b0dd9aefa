import { readTextIntent } from './text-intent.js';

const intentOf = (body: string) => readTextIntent(body).intent;

describe('readTextIntent', () => {
  it.each([
    'STOP',
    'stop',
    ' Stop. ',
    '"STOP"',
    'stop!',
    'StopAll',
    'unsubscribe',
    'CANCEL',
    'End',
    'quit',
    'Revoke',
    'optout',
    'opt out',
    'Opt-Out',
    'ＳＴＯＰ',
  ])('takes the keyword %j as an opt-out', (body) => expect(readTextIntent(body)).toEqual({ intent: 'opt_out', source: 'keyword' }));

  it.each([
    'please stop texting me',
    'Stop texting me!!',
    'STOP MESSAGING ME',
    'Can you please stop sending me messages',
    'stop sending these texts',
    "don't text me again",
    'don’t text me anymore',
    'Do not contact me',
    'never message me again.',
    'no more texts please',
    'take me off your list',
    'remove me from this list',
    'Remove me please',
    'unsubscribe me',
    'I want to opt out',
    "I'd like to unsubscribe",
    'please stop',
    'stop it please',
    'stop please',
    'opt me out',
    'I revoke my consent',
    'lose my number',
    'leave me alone',
    'stop the spam',
    'quit texting this number',
    'please opt out',
  ])('takes the plain words %j as an opt-out', (body) =>
    expect(readTextIntent(body)).toEqual({ intent: 'opt_out', source: 'plain_language' }),
  );

  it.each([
    'stop by tomorrow?',
    'can I stop by the office',
    "don't stop texting me",
    'Please do not stop sending me the updates',
    'where is the bus stop',
    'the texts stop arriving at night, why?',
    'I quit my job',
    'end of month works',
    'can I cancel my plan?',
    'cancel my order please',
    'how do I end a campaign',
    'send me the contract',
    'text me the price',
    'take me through the setup',
    'remove the second item',
    'we start on Monday',
    'help me choose a plan',
    'yes please',
    'information about prices',
    'don’t leave me hanging',
    'my boss said to stop at 5',
    '',
    '👍',
    `hello ${'x'.repeat(400)} stop texting me`,
  ])('leaves %j to the agent', (body) => expect(intentOf(body)).toBeNull());

  it('tells start, help and an ambiguous yes apart', () => {
    expect(intentOf('Start')).toBe('opt_in');
    expect(intentOf('unstop')).toBe('opt_in');
    expect(intentOf('YES')).toBe('opt_in_if_out');
    expect(intentOf('help')).toBe('help');
    expect(intentOf('INFO')).toBe('help');
  });

  it('is not fooled by words that objects inherit', () => {
    expect(intentOf('constructor')).toBeNull();
    expect(intentOf('__proto__')).toBeNull();
  });
});
