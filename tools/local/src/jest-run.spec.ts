import { countsOf } from './jest-run.js';

describe('countsOf', () => {
  const results = { numPassedTests: 3, numFailedTests: 0, numPendingTests: 1, numTodoTests: 1, numRuntimeErrorTestSuites: 0 };

  it('counts what jest counted', () => {
    expect(countsOf(results, 0)).toEqual({ passed: 3, failed: 0, skipped: 2 });
  });

  it('counts a file that could not be loaded as a failure', () => {
    expect(countsOf({ ...results, numFailedTests: 2, numRuntimeErrorTestSuites: 1 }, 1)).toMatchObject({ failed: 3 });
  });

  it('never turns a failed run into a passed one', () => {
    expect(countsOf(null, 1)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(countsOf(results, 1)).toMatchObject({ failed: 1 });
  });
});
