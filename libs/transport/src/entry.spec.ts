import { readEntry, writeEntry, type Entry } from './entry.js';

describe('an entry', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  it.each<Entry>([
    { pattern: 'turn.rung', data: { sessionId: 'x' } },
    { pattern: 'turn.rung', data: null, traceparent },
    { pattern: 'a.b', data: ['\u0000', '😀', '"'], request: { id: '1', replyTo: 'rep:1', deadline: 1_700_000_000_000 }, traceparent },
  ])('is read as it was written: %j', (entry) => {
    expect(readEntry(writeEntry(entry))).toEqual(entry);
  });

  it.each([
    [[]],
    [['p']],
    [['p', 'a.b']],
    [['d', '1']],
    [['p', 'a.b', 'd']],
    [['p', 'a.b', 'd', '']],
    [['p', 'a.b', 'd', 'undefined']],
    [['p', 'a.b', 'd', '1', 'r', 'rep:1']],
    [['p', 'a.b', 'd', '1', 'id', '1', 'r', 'rep:1', 'x', 'Infinity']],
    [['p', 'a.b', 'd', '1', 'id', '1', 'r', 'bc:turn.answered', 'x', '1']],
    [['p', 'a.b', 'd', '1', 'id', '', 'r', 'rep:1', 'x', '1']],
  ])('that is not one of ours is not read: %j', (fields) => {
    expect(readEntry(fields)).toBeUndefined();
  });

  it('keeps its own fields when its names are those of an object', () => {
    expect(readEntry(['__proto__', 'x', 'constructor', 'y', 'p', 'a.b', 'd', '1'])).toEqual({ pattern: 'a.b', data: 1 });
  });

  it('loses a trace context that is none', () => {
    expect(readEntry(['p', 'a.b', 'd', '1', 't', `${traceparent}\n`])).toEqual({ pattern: 'a.b', data: 1 });
  });
});
