import { statusAfter } from './agent-status.js';

describe('statusAfter', () => {
  it.each([
    ['active', 'draining', 'draining'],
    ['degraded', 'draining', 'draining'],
    ['draining', 'draining', 'draining'],
    ['draining', 'active', 'active'],
    ['active', 'active', 'active'],
  ] as const)('%s, asked to be %s, is %s', (current, wanted, next) => {
    expect(statusAfter(current, wanted)).toBe(next);
  });

  it('a degraded agent is not declared healthy by its owner', () => {
    expect(statusAfter('degraded', 'active')).toBe('degraded');
  });

  it.each([
    ['pending', 'active'],
    ['pending', 'draining'],
    ['offline', 'active'],
    ['offline', 'draining'],
  ] as const)('%s cannot be declared %s', (current, wanted) => {
    expect(() => statusAfter(current, wanted)).toThrow(expect.objectContaining({ code: 'conflict' }));
  });

  it('a retired agent does not come back', () => {
    expect(() => statusAfter('retired', 'active')).toThrow(expect.objectContaining({ code: 'agent_not_found' }));
  });
});
