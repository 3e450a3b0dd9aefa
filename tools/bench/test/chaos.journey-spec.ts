import { phonesFor } from '../src/chaos/options.js';
import { runChaos } from '../src/chaos/run-chaos.js';

/** The system of its own that `npm run chaos` starts, for less than half a minute. */
describe('a system whose gateway, adapter, database and Redis are killed under load', () => {
  it('answers every text once and in order', async () => {
    const rate = 10;
    const said: string[] = [];
    const victims = ['sms-gateway', 'mcp-adapter', 'postgres', 'redis'];
    const result = await runChaos({
      seconds: 25,
      rate,
      seed: 20_260_101,
      killEverySeconds: 5,
      phones: phonesFor(rate),
      home: null,
      victims,
      say: (line) => said.push(line),
    });
    // How long things took is shown and not judged here: on a busy machine a restart alone takes longer than the targets.
    if (!result.ok) console.log(said.join('\n'));
    expect(Object.keys(result.kills).sort()).toEqual([...victims].sort());
    expect(result.flushes).toBeGreaterThan(0);
    expect(result.sent).toBeGreaterThan(200);
    expect(result).toMatchObject({ lost: 0, doubled: 0, misordered: 0, strays: 0, breaches: {} });
    expect(result.answered_twiml + result.answered_rest + result.apologised + result.never_accepted).toBe(result.sent);
  }, 180_000);
});
