import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { PLANNER } from '@darkspere/database';
import { Client } from 'pg';
import { cpuSeconds } from './bench/cpu.js';
import { Load, percentile } from './bench/load.js';
import { startSystems } from './bench/systems.js';

const HELP = `npm run bench:agents -- [--agents 1000] [--sessions 10000] [--seconds 60] [--rate 50]

What many agents cost, and what the death of one costs: CPU of agent-registry and mcp-adapter while all agents are probed and nobody
texts; how late the latest probe is; how long the choice of an agent takes; how long it takes to move 1,000 sessions; and how many
texts stay unanswered in their webhooks when the agent is killed in the middle.

  --agents    registered agents, of the chat dialect (default 1000)
  --sessions  live sessions while agents are chosen (default 10000)
  --seconds   how long probes are watched (default 60)
  --rate      texts a second while the agent is killed (default 50)

The last line of the output is one JSON object.`;

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '1000' },
    sessions: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '50' },
    help: { type: 'boolean', default: false },
  },
});
const number = (name: 'agents' | 'sessions' | 'seconds' | 'rate', least: number, most: number): number => {
  const value = Number(values[name]);
  if (!(Number.isInteger(value) && value >= least && value <= most))
    throw new Error(`--${name} must be a whole number from ${least} to ${most}.`);
  return value;
};

const CHOICES = 100;
const MOVED = 1_000;
/** A probe comes every 15 to 30 s; so long after the start each agent has had its first. */
const SPREAD_MS = 20_000;
const say = (line: string): void => console.log(line);
const ms = (value: number): number => Number(value.toFixed(1));

const timed = async (times: number, run: () => Promise<unknown>): Promise<number[]> => {
  const took: number[] = [];
  for (let i = 0; i < times; i += 1) {
    const startedAt = performance.now();
    await run();
    took.push(performance.now() - startedAt);
  }
  return took.sort((a, b) => a - b);
};

const main = async (): Promise<void> => {
  const [agents, sessions, seconds, rate] = [
    number('agents', 1, 100_000),
    number('sessions', 0, 1_000_000),
    number('seconds', 10, 3_600),
    number('rate', 1, 500),
  ];
  const systems = await startSystems(20, say);
  const db = new Client({ connectionString: systems.databaseUrl, options: PLANNER });
  try {
    await db.connect();
    const { endpoint } = await systems.startAgent();
    await db.query(`update registry.agent_registry set pool = 'bench' where id = $1`, [systems.agentId]);
    const { rows } = await db.query<{ account: string; standby: string }>(
      `insert into registry.agent_registry (account_id, agent_name, endpoint_url, dialect, status, pool, max_concurrent_sessions, request_types)
       select account_id, 'standby', $2, 'chat', 'active', 'bench', 1000000, '{chat.request}' from registry.agent_registry where id = $1
       returning account_id as account, id as standby`,
      [systems.agentId, endpoint],
    );
    const { account, standby } = rows[0]!;

    say(`killing an agent under ${rate} texts a second`);
    const load = new Load(systems.targets.darkspere, systems.carrier);
    const { endpoint: doomedEndpoint, process: doomed } = await systems.startAgent();
    await db.query('update registry.agent_registry set endpoint_url = $2 where id = $1', [systems.agentId, doomedEndpoint]);
    await sleep(2_000);
    const died = sleep(3_000).then(() => doomed.kill('SIGKILL'));
    const killed = await load.atRate(rate, 8);
    await died;
    const { rows: asked } = await db.query<{ failed: number; late: number }>(
      `select count(*) filter (where failure is not null)::int as failed, count(*) filter (where attempts > 2)::int as late from routing.turns`,
    );
    await load.settle();
    await load.close();

    say(`registering ${agents} agents`);
    await db.query(
      `insert into registry.agent_registry (account_id, agent_name, endpoint_url, dialect, status, pool, max_concurrent_sessions, request_types)
       select $1, 'agent ' || i, $2 || '?n=' || i, 'chat', 'active', 'many', 1000, '{chat.request}' from generate_series(1, $3::int) i`,
      [account, endpoint, agents],
    );
    await sleep(SPREAD_MS);
    say(`watching probes for ${seconds} s`);
    const pids = [systems.apps['agent-registry']!, systems.apps['mcp-adapter']!];
    const before = cpuSeconds(pids);
    const startedAt = performance.now();
    await sleep(seconds * 1_000);
    const share = (cpuSeconds(pids) - before) / ((performance.now() - startedAt) / 1_000);
    const { rows: probes } = await db.query<{ probed: number; oldest: number; latest: number }>(
      `select count(*)::int as probed, max(extract(epoch from now() - last_success_at))::float8 as oldest, max(extract(epoch from now() - probe_at))::float8 as latest
       from registry.agent_health h where exists (select from registry.agent_registry a where a.id = h.agent_id and a.pool = 'many')`,
    );

    say(`choosing agents at ${sessions} live sessions`);
    await db.query(
      `insert into routing.agent_sessions (account_id, number_id, contact_id, handle, agent_id, last_text_at, started_at)
       select $1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid()::text, a.ids[i % $3::int + 1], now(), now()
       from (select array_agg(id) as ids from registry.agent_registry where pool = 'many') a, generate_series(1, $2::int) i`,
      [account, sessions, agents],
    );
    await db.query('analyze');
    const choice = await timed(CHOICES, () => db.query({ name: 'pick', text: 'select registry.pick_agent($1, null)', values: [account] }));

    say(`moving ${MOVED} sessions`);
    await db.query(
      `insert into routing.agent_sessions (account_id, number_id, contact_id, handle, agent_id, bound_agent_id, last_text_at, started_at)
       select $1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid()::text, $2, $2, now(), now() from generate_series(1, $3::int)`,
      [account, standby, MOVED],
    );
    await db.query(`update registry.agent_registry set status = 'active', endpoint_url = $2 where id = $1`, [systems.agentId, endpoint]);
    await db.query(`update registry.agent_registry set status = 'offline' where id = $1`, [standby]);
    const move = await timed(10, async () => {
      await db.query('begin');
      await db.query({ name: 'move', text: 'select routing.fail_over($1, now())', values: [standby] });
      await db.query('rollback');
    });

    say(
      JSON.stringify({
        bench: 'agents', agents, sessions, seconds,
        core_share: Number(share.toFixed(3)), probed: probes[0]!.probed, oldest_success_s: ms(probes[0]!.oldest), latest_probe_s: ms(probes[0]!.latest),
        choice_p50_ms: ms(percentile(choice, 0.5)), choice_max_ms: ms(choice.at(-1)!),
        move_p50_ms: ms(percentile(move, 0.5)), move_max_ms: ms(move.at(-1)!),
        killed: { texts: killed.turns, unanswered: killed.unanswered, longest_ms: ms(killed.latencies.at(-1)!), failed_turns: asked[0]!.failed, third_attempts: asked[0]!.late },
      }),
    ); // prettier-ignore
  } finally {
    await db.end().catch(() => undefined);
    await systems.stop();
  }
};

if (values.help) say(HELP);
else
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
