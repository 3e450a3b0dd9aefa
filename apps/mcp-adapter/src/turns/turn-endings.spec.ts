import { jest } from '@jest/globals';
import { answerDue, turnAnswered } from '@darkspere/contracts';
import type { Alerts } from '@darkspere/platform';
import type { Broadcasts } from '@darkspere/transport';
import { TurnEndings } from './turn-endings.js';

describe('TurnEndings', () => {
  const publish = jest.fn<(...args: unknown[]) => Promise<number>>(() => Promise.resolve(1));
  const announceAlert = jest.fn();
  const endings = new TurnEndings({ publish } as unknown as Broadcasts, { announce: announceAlert } as unknown as Alerts);
  const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
  const end = (id: string, waiter: string, isDue = false) => ({
    session_id: 's',
    turn_id: id,
    waiters: [{ waiter, message_id: id }],
    is_due: isDue,
  });

  beforeEach(() => publish.mockClear());

  it('tells each gateway once of all turns that ended together', async () => {
    endings.announce(end('a', 'gw-1'));
    endings.announce(end('b', 'gw-2'));
    endings.announce(end('c', 'gw-1'));
    await tick();
    expect(publish.mock.calls).toEqual([
      [turnAnswered, { messageIds: ['a', 'c'] }, 'gw-1'],
      [turnAnswered, { messageIds: ['b'] }, 'gw-2'],
    ]);
  });

  it('tells of a later turn anew', async () => {
    endings.announce(end('a', 'gw-1'));
    await tick();
    endings.announce(end('b', 'gw-1'));
    await tick();
    expect(publish).toHaveBeenLastCalledWith(turnAnswered, { messageIds: ['b'] }, 'gw-1');
  });

  it('wakes the senders once when answers are due, and nobody when there is nothing to tell', async () => {
    endings.announce({ session_id: 's', turn_id: 'a', is_due: true });
    endings.announce({ session_id: 's', turn_id: 'b', is_due: true });
    await tick();
    endings.announce({ session_id: 's', turn_id: 'c' });
    await tick();
    expect(publish.mock.calls).toEqual([[answerDue, {}]]);
  });

  it('announces an alert at once', () => {
    const alert = { alertId: '1', kind: 'turn_apologised', severity: 'warning' } as never;
    endings.announce({ session_id: 's', turn_id: 'a', alert });
    expect(announceAlert).toHaveBeenLastCalledWith(alert);
  });
});
