import { Phone, System, until } from './journey.fixture.js';

const system = new System();
/** Bound to the built-in team since the first start. */
const teamNumber = (): string => system.run.number;

describe('a person who texts the built-in team', () => {
  it('gets a sensible answer to a question within the TwiML of its webhook', async () => {
    const phone = system.phone();
    const taken = await phone.text(teamNumber(), 'hi what does your enterprise plan cost');
    expect(taken).toMatchObject({ http_status: 200, twiml_messages: 1 });
    const [answer] = await phone.received(1);
    expect(answer).toMatchObject({ via: 'twiml', from: teamNumber(), in_reply_to_sid: taken.message_sid });
    expect(answer!.body).toMatch(/Enterprise starts at \$[\d,]+ a month/);
  });

  it('is asked for name, company, size and need in turn, and then a person takes over', async () => {
    const phone = system.phone();
    for (const text of ['hi', 'ana', 'acme dental', '12', 'reminders for patients']) await phone.text(teamNumber(), text);
    const bodies = await phone.bodies();
    expect(bodies).toHaveLength(5);
    expect(bodies[0]).toMatch(/What is your name\?$/);
    expect(bodies[1]).toMatch(/Thanks, Ana\. .*company/);
    expect(bodies[2]).toMatch(/How many people|how many people/);
    expect(bodies[4]).toMatch(/A person from our team will follow up/);
    const [session] = await system.sql<{ profile: unknown }>(
      `select s.state -> 'engagement' -> 'profile' as profile from routing.agent_sessions s join messaging.contacts c on c.id = s.contact_id where c.phone = $1`,
      [phone.number],
    );
    expect(session!.profile).toMatchObject({
      name: 'Ana',
      company: 'Acme Dental',
      company_size: 'Startup',
      need: 'reminders for patients',
    });
  });

  it('can do so in the terminal: npm run text prints the answer', async () => {
    expect(await system.command('text', '--from', system.phone().number, 'how much is the growth plan?')).toMatch(
      /^.*Growth is \$\d+ a month.*\n$/s,
    );
  });
});

describe('an agent of one’s own', () => {
  it.each(['chat', 'mcp'] as const)('speaks %s, is registered by the API, bound to a number, and answers there', async (dialect) => {
    const agent = await system.agent({ dialect });
    expect(agent.registered).toMatchObject({ status: 'active', dialect });
    const phone = system.phone();
    expect(await phone.text(agent.number, 'hello agent')).toMatchObject({ twiml_messages: 1 });
    expect(await phone.bodies()).toEqual(['echo: hello agent']);
    const [answer, question] = await phone.messages();
    expect(question).toMatchObject({ direction: 'inbound', status: 'answered', body: 'hello agent' });
    expect(answer).toMatchObject({ direction: 'outbound', status: 'delivered', body: 'echo: hello agent' });
    const { transmission_path: path } = await system.api<{ transmission_path: { hop: string }[] }>(
      'sms-gateway',
      'GET',
      `/api/v1/messages/${answer!.message_id}`,
    );
    expect(path.map(({ hop }) => hop)).toEqual(['received', 'stored', 'claimed', 'called', 'answered', 'handed_out', 'sent', 'delivered']);
  });

  it('gets a picture as its address, and WhatsApp is answered on WhatsApp, by REST when it takes long', async () => {
    const [quick, slow] = await Promise.all([system.agent(), system.agent({ delay_ms: 2_700 })]);
    const phone = system.phone();
    await phone.text(quick.number, '', { media_urls: ['https://example.org/cat.jpg'] });
    expect(await phone.bodies()).toEqual(['echo: [image/jpeg] https://example.org/cat.jpg']);
    const { number } = system.phone();
    const whatsapp = new Phone(system, `whatsapp:${number}`);
    await whatsapp.text(`whatsapp:${quick.number}`, 'quick');
    await whatsapp.text(`whatsapp:${slow.number}`, 'slow');
    const answers = await whatsapp.received(2);
    expect(answers).toMatchObject([
      { body: 'echo: quick', via: 'twiml', from: `whatsapp:${quick.number}` },
      { body: 'echo: slow', via: 'rest', from: `whatsapp:${slow.number}` },
    ]);
  });

  it('may say a lot: the parts of a long answer arrive in order, and together are what it said', async () => {
    const agent = await system.agent();
    const phone = system.phone();
    const body = Array.from({ length: 640 }, (_, i) => `w${i}`).join(' ');
    await phone.text(agent.number, body);
    const parts = await phone.received(2);
    await system.settled();
    expect((await phone.inbox()).map((part) => part.body).join(' ')).toBe(`echo: ${body}`);
    expect(parts[0]!.via).toBe('twiml');
  });
});

describe('texts in quick succession', () => {
  const texts = ['one', 'two', 'three', 'four'];
  const sendAll = async (number: string): Promise<Phone> => {
    const phone = system.phone();
    const begin = Date.now();
    const webhooks = [];
    for (const text of texts) {
      webhooks.push(phone.text(number, text));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(Date.now() - begin).toBeLessThan(2_000);
    await Promise.all(webhooks);
    return phone;
  };

  it('are answered by two calls of the agent: the first text at once, the others together, in order', async () => {
    const agent = await system.agent({ delay_ms: 1_000 });
    const phone = await sendAll(agent.number);
    await phone.received(2);
    expect(await phone.bodies()).toEqual(['echo: one', 'echo: two\nthree\nfour']);
    const calls = await agent.calls();
    expect(calls.map(({ message, outcome }) => [message, outcome])).toEqual([
      ['one', 'finished'],
      ['two\nthree\nfour', 'finished'],
    ]);
    expect(calls.flatMap((call) => call.message_ids)).toHaveLength(4);
  });

  it('merge into one answer of one call where the agent takes that', async () => {
    const agent = await system.agent({ delay_ms: 1_000, double_text: 'merge', idempotent: 1 });
    const phone = await sendAll(agent.number);
    await phone.received(1);
    expect(await phone.bodies()).toEqual(['echo: one\ntwo\nthree\nfour']);
    const finished = (await agent.calls()).filter(({ outcome }) => outcome === 'finished');
    expect(finished.map(({ message }) => message)).toEqual(['one\ntwo\nthree\nfour']);
  });

  it('delay no single text: it does not wait for company', async () => {
    const agent = await system.agent();
    const waits = [];
    for (let i = 0; i < 4; i += 1) waits.push((await system.phone().text(agent.number, 'alone')).waited_ms);
    // The quiet window is 400 ms.
    expect(Math.min(...waits)).toBeLessThan(300);
  });
});

describe('STOP', () => {
  it('during a turn: what the agent says then never reaches the phone; START opens the way again', async () => {
    const agent = await system.agent({ delay_ms: 3_000 });
    const phone = system.phone();
    await phone.send(agent.number, 'tell me everything');
    await agent.busy();
    await phone.text(agent.number, 'STOP');
    const [confirmation] = await phone.received(1);
    expect(confirmation!.body).toMatch(/unsubscribed/i);
    const fenced = await until('the answer is fenced', async () =>
      (await phone.messages()).find(({ direction, status }) => direction === 'outbound' && status === 'fenced'),
    );
    expect(fenced.body).toBe('echo: tell me everything');
    await phone.text(agent.number, 'are you there?');
    expect(await phone.bodies()).toEqual([confirmation!.body]);

    await phone.text(agent.number, 'START');
    await phone.text(agent.number, 'and now?');
    await phone.received(3);
    const [, subscribed, answer, ...more] = await phone.bodies();
    expect(subscribed).toMatch(/subscribed/i);
    expect([answer, ...more]).toEqual(['echo: and now?']);
  });
});
