import { fresh, saidIn } from './fresh.js';

describe('fresh', () => {
  const said = saidIn('Hi again. Starter is $49 a month.\nReply STOP.');

  it('leaves out variants with a sentence that was just said', () => {
    expect(fresh(['Starter is $49 a month.', 'It is $49.', 'STARTER is $49 a month. Or more.'], said)).toEqual(['It is $49.']);
  });
  it('says it once more when there is no other way', () => {
    expect(fresh(['Reply STOP. It works.'], said)).toEqual(['Once more: Reply STOP; It works.']);
  });
  it('has nothing for nothing', () => {
    expect(fresh([], said)).toEqual([]);
  });
});
