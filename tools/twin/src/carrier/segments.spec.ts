import { segmentCount } from './segments.js';

describe('segments of a message', () => {
  it.each([
    ['', 1],
    ['a'.repeat(160), 1],
    ['a'.repeat(161), 2],
    ['a'.repeat(306), 2],
    ['a'.repeat(307), 3],
    ['€'.repeat(80), 1],
    ['€'.repeat(81), 2],
    ['é\n'.repeat(80), 1],
  ])('of the GSM alphabet hold 160 septets, or 153 each when there are several (%#)', (body, parts) =>
    expect(segmentCount(body)).toBe(parts),
  );

  it.each([
    ['ж'.repeat(70), 1],
    ['ж'.repeat(71), 2],
    ['ж'.repeat(134), 2],
    ['ж'.repeat(135), 3],
    ['😀'.repeat(35), 1],
    ['😀'.repeat(36), 2],
    [`${'a'.repeat(70)}“`, 2],
  ])('of other text hold 70 units, or 67 each when there are several (%#)', (body, parts) => expect(segmentCount(body)).toBe(parts));

  it('never cut an escape pair or an emoji in two', () => {
    expect(segmentCount(`${'a'.repeat(152)}€${'a'.repeat(152)}`)).toBe(3);
    expect(segmentCount('😀'.repeat(67))).toBe(3);
    expect(segmentCount('😀'.repeat(66))).toBe(2);
  });
});
