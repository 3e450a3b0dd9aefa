import { signature } from './signature.js';

const form = {
  Digits: '1234',
  To: '+18005551212',
  CallSid: 'CA1234567890ABCDE',
  From: '+14158675310',
  Caller: '+14158675310',
};
const url = 'https://mycompany.com/myapp.php?foo=1&bar=2';

describe('the carrier signature', () => {
  it('is the one of the vector that Twilio publishes', () => {
    expect(signature('12345', url, form)).toBe('GvWf1cFY/Q7PnoempGyD5oXAezc=');
  });

  it('covers empty fields and text beyond ASCII', () => {
    const plain = signature('12345', url, form);
    expect(signature('12345', url, { ...form, Body: '' })).not.toBe(plain);
    expect(signature('12345', url, { ...form, Body: 'é' })).not.toBe(signature('12345', url, { ...form, Body: 'e' }));
  });
});
