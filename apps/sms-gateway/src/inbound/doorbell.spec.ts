import { jest } from '@jest/globals';
import { turnRung } from '@darkspere/contracts';
import type { EventBus } from '@darkspere/transport';
import { Doorbell } from './doorbell.js';
import type { InboundRepository } from './inbound.repository.js';

describe('Doorbell', () => {
  const emit = jest.fn<(...args: unknown[]) => Promise<void>>(() => Promise.resolve());
  const releaseLeases = jest.fn<(...args: unknown[]) => Promise<void>>(() => Promise.resolve());
  const doorbell = new Doorbell({ emit } as unknown as EventBus, { releaseLeases } as unknown as InboundRepository);
  const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

  beforeEach(() => emit.mockClear());

  it('rings once for all sessions whose texts were stored together', async () => {
    doorbell.ring('a', 'lease of a');
    doorbell.ring('b', null);
    await tick();
    doorbell.ring('c', null);
    await tick();
    expect(emit.mock.calls).toEqual([
      [
        turnRung,
        {
          rings: [
            { sessionId: 'a', leaseToken: 'lease of a' },
            { sessionId: 'b', leaseToken: null },
          ],
        },
      ],
      [turnRung, { rings: [{ sessionId: 'c', leaseToken: null }] }],
    ]);
  });

  it('is silent when Redis is away, frees what it could not tell of, and rings again when it is back', async () => {
    emit.mockRejectedValueOnce(new Error('away'));
    doorbell.ring('a', 'lease of a');
    await tick();
    expect(releaseLeases.mock.calls).toEqual([[[{ sessionId: 'a', leaseToken: 'lease of a' }]]]);
    doorbell.ring('b', null);
    await tick();
    expect(emit).toHaveBeenLastCalledWith(turnRung, { rings: [{ sessionId: 'b', leaseToken: null }] });
  });
});
