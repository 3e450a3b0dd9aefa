import { eventually } from '@darkspere/testing';
import { TurnsService } from '../src/turns/turns.service.js';
import { Adapters } from './adapter.harness.js';

const APOLOGY = expect.stringContaining('Sorry, we could not answer that just now');

describe('an agent that fails', () => {
  let adapters: Adapters;
  let phone: string;
  beforeAll(async () => {
    adapters = await Adapters.start();
  });
  beforeEach(() => {
    phone = adapters.phone();
  });
  afterAll(() => adapters?.stop());

  /** What would happen after the pause before the next attempt happens now. */
  const skipPause = async (sessionId: string): Promise<void> => {
    await adapters.rows(`update routing.agent_sessions set run_after = now() - interval '1 second' where id = $1 and lease_token is null`, [
      sessionId,
    ]);
    await adapters.app.get(TurnsService).look(sessionId);
  };
  /** Resolves when `attempts` of the turn have failed and the next one waits; says for how long, in milliseconds. */
  const pauseAfter = (sessionId: string, attempts: number) =>
    eventually(async () => {
      const [[turn], { lease_token, run_after }] = await Promise.all([adapters.turns(sessionId), adapters.session(sessionId)]);
      expect([turn!.attempts, turn!.failure !== null, lease_token]).toEqual([attempts, true, null]);
      return run_after.getTime() - Date.now();
    });
  const alerts = (agentId: string) =>
    adapters.rows<{ kind: string; details: { reason: string } }>('select kind, details from analytics.system_alerts where subject = $1', [
      agentId,
    ]);

  it.each([
    ['says no JSON', 'mode=garbage', 'agent_answer_invalid'],
    ['answers with another type', 'mode=wrong_type', 'agent_answer_invalid'],
    ["answers for another's session", 'mode=wrong_session', 'agent_answer_invalid'],
    ['says nothing', 'mode=empty', 'agent_answer_invalid'],
    ['says 8 MB', 'mode=huge', 'agent_answer_too_large'],
    ['says 20,000 characters', 'mode=huge&size=20000', 'agent_answer_too_large'],
    ['redirects', 'mode=redirect', 'agent_error'],
  ])('because it %s is not asked again: the apology goes out at once', async (_, query, code) => {
    const { id, name, number } = await adapters.agent({ query });
    const { session_id } = await adapters.text(number, phone, 'Hello');
    expect(await adapters.answered(phone)).toEqual([APOLOGY]);
    expect(await adapters.turns(session_id)).toMatchObject([{ status: 'apologised', attempts: 1, failure: { code, closed_by: code } }]);
    expect(await adapters.rows(`select x ->> 'hop' as hop, x ->> 'reason' as reason from messaging.message_history m, jsonb_array_elements(m.transmission_path) x
      where m.session_id = $1 and direction = 'inbound'`, [session_id])).toEqual([
      { hop: 'received', reason: null }, { hop: 'stored', reason: null }, { hop: 'failed', reason: code }, { hop: 'apologised', reason: code }]); // prettier-ignore
    expect(adapters.calls(name)).toHaveLength(1);
    expect(await alerts(id)).toMatchObject([{ kind: 'turn_apologised', details: { reason: code } }]);
  });

  it('with HTTP 500 is asked three times, under one Idempotency-Key and with longer pauses; then the apology goes out', async () => {
    const { name, number } = await adapters.agent({ query: 'mode=error500' });
    const { session_id } = await adapters.text(number, phone, 'Hello');
    const first = await pauseAfter(session_id, 1);
    expect(first).toBeGreaterThan(500);
    expect(first).toBeLessThanOrEqual(1_250);
    await skipPause(session_id);
    const second = await pauseAfter(session_id, 2);
    expect(second).toBeGreaterThan(3_000);
    expect(second).toBeLessThanOrEqual(6_250);
    expect(await adapters.answers(phone)).toEqual([]);
    await skipPause(session_id);
    expect(await adapters.answered(phone)).toEqual([APOLOGY]);
    const [turn] = await adapters.turns(session_id);
    expect(turn).toMatchObject({
      status: 'apologised',
      attempts: 3,
      failure: { code: 'agent_error', diagnosis: expect.stringContaining('500') },
    });
    expect(adapters.calls(name).map(({ idempotency_key }) => idempotency_key)).toEqual([turn!.id, turn!.id, turn!.id]);
  });

  it('and is back at the next attempt answers as if nothing had been', async () => {
    const { name, number } = await adapters.agent();
    adapters.twin.control({ agent: name, down: true });
    const { session_id } = await adapters.text(number, phone, 'Hello');
    await pauseAfter(session_id, 1);
    expect((await adapters.turns(session_id))[0]!.failure).toMatchObject({ code: 'agent_unreachable' });
    adapters.twin.control({ agent: name });
    await skipPause(session_id);
    expect(await adapters.answered(phone)).toEqual(['echo: Hello']);
    expect(await adapters.turns(session_id)).toMatchObject([{ status: 'answered', attempts: 2 }]);
    expect(
      await adapters.rows(`select 1 from analytics.system_alerts where details ->> 'turn_id' = $1`, [
        (await adapters.turns(session_id))[0]!.id,
      ]),
    ).toEqual([]);
  });

  it('in the midst of its answer, like one that dies, is asked again', async () => {
    const { name, number } = await adapters.agent();
    adapters.twin.control({ agent: name, delay_ms: 5_000 });
    const { session_id } = await adapters.text(number, phone, 'Hello');
    await eventually(() => expect(adapters.calls(name)).toHaveLength(1));
    adapters.twin.control({ agent: name, down: true });
    await pauseAfter(session_id, 1);
    adapters.twin.control({ agent: name });
    await skipPause(session_id);
    expect(await adapters.answered(phone)).toEqual(['echo: Hello']);
    expect(adapters.calls(name).map(({ outcome }) => outcome)).toEqual(['aborted', 'finished']);
  });

  it.each([
    ['never answers', 'mode=hang'],
    ['never ends its answer', 'mode=drip'],
  ])('because it %s costs its turn no more than the deadline', async (_, query) => {
    const { name, number } = await adapters.agent({ query });
    const startedAt = Date.now();
    const { session_id } = await adapters.text(number, phone, 'Hello', { ageMs: 29_000 });
    expect(await adapters.answered(phone)).toEqual([APOLOGY]);
    expect(Date.now() - startedAt).toBeLessThan(3_000);
    expect(await adapters.turns(session_id)).toMatchObject([{ status: 'apologised', failure: { code: 'agent_timeout' } }]);
    await eventually(() => expect(adapters.calls(name)).toMatchObject([{ outcome: 'aborted' }]));
  });

  it('leaves its session able to go on', async () => {
    const { name, number } = await adapters.agent({ query: 'mode=garbage' });
    const { session_id } = await adapters.text(number, phone, 'first');
    expect(await adapters.answered(phone)).toEqual([APOLOGY]);
    adapters.twin.control({ agent: name, mode: 'echo' });
    await adapters.text(number, phone, 'second');
    expect(await adapters.answered(phone, 2)).toEqual([APOLOGY, 'echo: second']);
    expect(await adapters.session(session_id)).toMatchObject({ lease_token: null, last_seq: '2', done_seq: '2' });
  });

  it('costs its own turns and nothing else: others are answered meanwhile', async () => {
    const bad = await Promise.all(
      ['mode=hang', 'mode=drip', 'mode=huge', 'mode=error500', 'mode=garbage', 'mode=reset', 'delay_ms=20000'].map((query) =>
        adapters.agent({ query }),
      ),
    );
    const good = await adapters.agent();
    await Promise.all(bad.flatMap(({ number }) => Array.from({ length: 5 }, () => adapters.text(number, adapters.phone(), 'Hello'))));
    const phones = Array.from({ length: 20 }, () => adapters.phone());
    const startedAt = Date.now();
    await Promise.all(phones.map((other) => adapters.text(good.number, other, 'Hello')));
    for (const other of phones) expect(await adapters.answered(other)).toEqual(['echo: Hello']);
    expect(Date.now() - startedAt).toBeLessThan(3_000);
    // Those that still run are given up, as failover would.
    await adapters.rows(
      `update routing.agent_sessions set ended_at = now(), lease_token = null, lease_until = null where ended_at is null`,
    );
    await adapters.rows('delete from routing.due_sessions');
  });

  it('too often is left alone: attempts that were not made do not count', async () => {
    const { name, number } = await adapters.agent({ query: 'mode=error500' });
    const texts = await Promise.all(Array.from({ length: 8 }, () => adapters.text(number, adapters.phone(), 'Hello')));
    await eventually(async () => {
      const turns = await Promise.all(texts.map(({ session_id }) => adapters.turns(session_id)));
      expect(turns.flat().filter(({ failure }) => failure?.code === 'agent_error').length).toBeGreaterThanOrEqual(5);
    });
    const late = await adapters.text(number, phone, 'Hello');
    await eventually(async () =>
      expect((await adapters.turns(late.session_id))[0]).toMatchObject({ attempts: 0, failure: { code: 'agent_breaker_open' } }),
    );
    expect(adapters.calls(name).filter(({ message_ids }) => message_ids.includes(late.message_id))).toEqual([]);
  });

  it('shows no word of what was said and no phone in its diagnosis, nor does our log', async () => {
    const failures = await adapters.rows<{ failure: object; details: object }>(
      `select failure::text as failure, details::text as details from routing.turns, analytics.system_alerts where failure is not null`,
    );
    expect(failures.length).toBeGreaterThan(5);
    const log = adapters.log.join('');
    expect(log).toContain('mcp-adapter');
    expect(JSON.stringify(failures) + log).not.toMatch(/Hello|1555777|echo:/);
  });
});
