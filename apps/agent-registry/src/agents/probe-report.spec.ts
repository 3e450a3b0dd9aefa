import { passedReport } from './agents.fixture.js';
import { cleanReport } from './probe-report.js';

const SECRET = 'sk_live_0123456789';

describe('cleanReport', () => {
  it('a credential that the agent says back is cut out, wherever it stands', () => {
    const report = passedReport({
      tools: ['chat', `say-${SECRET}`],
      checks: [{ name: 'mcp.connect', passed: false, detail: `bad key ${SECRET}!`, fix: SECRET }],
      prior: { deep: [{ echo: SECRET }] },
    });
    const text = JSON.stringify(cleanReport(report, SECRET));
    expect(text).not.toContain(SECRET);
    expect(text).toContain('bad key …!');
  });

  it('what Postgres cannot store is replaced, in keys too, and the rest stays', () => {
    const report = passedReport({ tools: ['a\0b', '\ud800x', '😀', '\\u0000'], prior: { 'k\0': '\udfff' } });
    const cleaned = cleanReport(report, null);
    expect(cleaned.tools).toEqual(['a\ufffdb', '\ufffdx', '😀', '\\u0000']);
    expect(cleaned.prior).toEqual({ 'k\ufffd': '\ufffd' });
  });

  it('a credential that is an ordinary short word cuts nothing', () => {
    const report = passedReport({ tools: ['chat'] });
    expect(cleanReport(report, 'chat')).toEqual(report);
  });

  it('the keys of the report survive a credential that is spelled like one', () => {
    const report = passedReport({ isIdempotent: true });
    expect(cleanReport(report, 'isIdempotent')).toEqual(report);
  });
});
