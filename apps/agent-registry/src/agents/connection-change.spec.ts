import { anAgent } from './agents.fixture.js';
import { connectionAfter } from './connection-change.js';

const HERE = anAgent().endpointUrl;
const THERE = 'https://other.example.com/mcp';
const credential = () => 'present-key';

describe('connectionAfter', () => {
  it.each([
    ['other fields', {}, undefined],
    ['the endpoint it has', {}, HERE],
    ['the dialect it has', { dialect: 'mcp' as const }, undefined],
  ])('a patch of %s changes no connection', (_, patch, endpointUrl) => {
    expect(connectionAfter(anAgent(), patch, endpointUrl, credential)).toBeNull();
  });

  it('another endpoint keeps the key and is asked anew what it speaks', () => {
    expect(connectionAfter(anAgent(), {}, THERE, credential)).toEqual({ endpointUrl: THERE, credential: 'present-key', dialect: null });
  });

  it('another endpoint may come with the dialect it speaks', () => {
    expect(connectionAfter(anAgent(), { dialect: 'chat' }, THERE, credential)).toMatchObject({ dialect: 'chat' });
  });

  it('another key keeps endpoint and dialect', () => {
    expect(connectionAfter(anAgent(), { api_key: 'new' }, undefined, credential)).toEqual({
      endpointUrl: HERE,
      credential: 'new',
      dialect: 'mcp',
    });
  });

  it('null takes the key away', () => {
    expect(connectionAfter(anAgent(), { api_key: null }, undefined, credential)).toMatchObject({ credential: null });
  });

  it('dialect null finds out anew', () => {
    expect(connectionAfter(anAgent(), { dialect: null }, undefined, credential)).toMatchObject({ endpointUrl: HERE, dialect: null });
  });
});
