import { readFileSync } from 'node:fs';
import { loadKnowledge, parseKnowledge } from './load-knowledge.js';
import { KNOWLEDGE_FILE } from './talk.fixture.js';

interface File {
  assistant: Record<string, unknown>;
  facts: Record<string, string>;
  topics: Record<string, unknown>[];
}
const shipped = (): File => JSON.parse(readFileSync(KNOWLEDGE_FILE, 'utf8')) as File;
const changed = (change: (file: File) => void): File => {
  const file = shipped();
  change(file);
  return file;
};
const faultsOf = (content: unknown): string => {
  try {
    parseKnowledge(content, 'k.json');
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('the knowledge file', () => {
  it('that is shipped has no faults', () => {
    expect(faultsOf(shipped())).toBe('');
  });

  it('fills facts into its texts, so that a price stands in one place', () => {
    const file = changed(({ facts }) => (facts.enterprise_price = '$2,000 a month'));
    const enterprise = parseKnowledge(file, 'k.json').topics.find(({ id }) => id === 'enterprise');
    expect(enterprise!.say[0]).toContain('$2,000 a month');
  });

  it.each<[string, (file: File) => void, string]>([
    [
      'an unknown fact',
      ({ topics }) => (topics[0]!.say = ['It is {no_such}.']),
      '- topics.what-is-it.say.0: names a fact in {braces} that "facts" does not have',
    ],
    ['an emoji', ({ topics }) => (topics[0]!.brief = 'Great 🎉'), '- topics.what-is-it.brief: has a character that is not GSM-7'],
    ['a question', ({ topics }) => (topics[0]!.say = ['What do you need?']), '- topics.what-is-it.say.0: asks a question'],
    ['a text that is too long', ({ topics }) => (topics[0]!.say = ['x'.repeat(146)]), '- topics.what-is-it.say.0: Too big'],
    ['no answer', ({ topics }) => (topics[0]!.say = []), '- topics.what-is-it.say: Too small'],
    ['two words in one', ({ topics }) => (topics[0]!.words = ['two words']), '- topics.what-is-it.words.0: is not a single word'],
    ['an id twice', ({ topics }) => (topics[1]!.id = 'what-is-it'), '- topics.what-is-it.id: "what-is-it" is used twice'],
    ['an unknown wider topic', ({ topics }) => (topics[1]!.refines = 'prices'), '- topics.how-it-works.refines: no topic "prices"'],
    ['an unknown field to ask', ({ topics }) => (topics[1]!.ask = 'phone'), '- topics.how-it-works.ask: Invalid option'],
    ['a key with a typo', ({ topics }) => (topics[1]!.sya = []), 'Unrecognized key: "sya"'],
    ['a missing part', (file) => delete file.assistant.intro, '- assistant.intro: Invalid input'],
  ])('with %s is refused', (_, change, fault) => {
    expect(faultsOf(changed(change))).toContain(fault);
  });

  it('is told all its faults at once', () => {
    const faults = faultsOf(changed(({ topics }) => Object.assign(topics[0]!, { say: ['Why?', '🎉'], brief: '{x}' })));
    expect(faults).toMatch(/^The knowledge file k\.json has 3 fault\(s\):\n(?:- .+\n){2}- .+$/);
  });

  it.each([null, 7, 'x', [], {}])('that is %j is refused', (content) => {
    expect(faultsOf(content)).toContain('fault');
  });

  it('that is not there or no JSON is named', () => {
    expect(() => loadKnowledge('/no/such.json')).toThrow('The knowledge file /no/such.json cannot be read: ENOENT');
    expect(() => loadKnowledge(new URL(import.meta.url).pathname)).toThrow(/knowledge\.spec\.ts cannot be read/);
  });
});
