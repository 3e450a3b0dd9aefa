import { readEngagementEnv } from './env.js';

describe('the environment', () => {
  it('needs nothing: the rules answer from the shipped knowledge', () => {
    expect(readEngagementEnv({})).toEqual({
      KNOWLEDGE_FILE: expect.stringMatching(/engagement-agent\/knowledge\/darkspere\.json$/) as string,
    });
  });

  it.each([
    { LLM_BASE_URL: 'http://127.0.0.1:11434/v1', LLM_MODEL: 'llama' },
    { LLM_API_KEY: 'k', LLM_MODEL: 'gpt' },
    { LLM_BASE_URL: 'https://llm.example/v1', LLM_API_KEY: 'k', LLM_MODEL: 'm', KNOWLEDGE_FILE: '/etc/k.json' },
  ])('accepts %j', (source) => {
    expect(readEngagementEnv(source)).toMatchObject(source);
  });

  it.each<[Record<string, string>, string]>([
    [{ LLM_BASE_URL: 'http://x' }, 'LLM_MODEL: must be set'],
    [{ LLM_MODEL: 'm' }, 'LLM_BASE_URL: must be set'],
    [{ LLM_BASE_URL: 'ftp://x', LLM_MODEL: 'm' }, 'LLM_BASE_URL: must be an http(s) URL'],
    [{ LLM_MODEL: '', LLM_API_KEY: '' }, 'LLM_API_KEY: must not be empty'],
    [{ KNOWLEDGE_FILE: '' }, 'KNOWLEDGE_FILE: must not be empty'],
  ])('refuses %j', (source, fault) => {
    expect(() => readEngagementEnv(source)).toThrow(fault);
  });
});
