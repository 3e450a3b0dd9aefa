import { readState, writeState } from './state.js';

const EMPTY = {
  profile: {},
  declined: [],
  asked: {},
  pending: null,
  idle: 0,
  unknowns: 0,
  topics: [],
  isIntroduced: false,
  followUp: null,
};

describe('the state of a conversation', () => {
  it.each([undefined, null, 7, 'x', [], {}, { engagement: null }, { engagement: [] }, { engagement: 'x' }, { other: 1 }])(
    'begins empty from %j',
    (sessionState) => {
      expect(readState(sessionState)).toEqual(EMPTY);
    },
  );

  it('survives a round trip through JSON', () => {
    const state = {
      ...EMPTY,
      profile: { name: 'Ana', company_size: 'SMB' as const },
      declined: ['need' as const],
      asked: { name: 2 },
      pending: 'company' as const,
      idle: 1,
      unknowns: 1,
      topics: ['pricing'],
      isIntroduced: true,
      followUp: { wanted: true as const, reason: 'complaint' as const },
    };
    expect(readState(JSON.parse(JSON.stringify(writeState({}, state))))).toEqual(state);
  });

  it('is repaired part by part, what is sound is kept', () => {
    const engagement = {
      profile: { name: 'Ana', company: 'x'.repeat(500), company_size: 'Huge', need: 'a\u0000b', phone: '+15551234567' },
      declined: ['name', 'phone'],
      asked: { name: 1, phone: 3 },
      pending: 'phone',
      idle: -4,
      unknowns: '2',
      topics: 'pricing',
      isIntroduced: 'yes',
      followUp: { wanted: false, reason: 'complaint' },
      extra: 'x'.repeat(10_000),
    };
    expect(readState({ engagement })).toEqual({ ...EMPTY, profile: { name: 'Ana' } });
  });

  it('is not reached through the prototype', () => {
    const hostile = JSON.parse(
      '{"__proto__":{"engagement":{"isIntroduced":true}},"engagement":{"profile":{"__proto__":{"name":"Eve"}}}}',
    ) as unknown;
    expect(readState(hostile)).toEqual(EMPTY);
    expect(readState(hostile).profile.name).toBeUndefined();
  });

  it('leaves what others keep in the session alone', () => {
    expect(writeState({ agent: { step: 3 }, engagement: 'old' }, readState({}))).toEqual({ agent: { step: 3 }, engagement: EMPTY });
    expect(writeState('broken', readState({}))).toEqual({ engagement: EMPTY });
  });
});
