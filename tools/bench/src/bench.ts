import { parseArgs } from 'node:util';
import { percentileBetween, readAccepts } from './bench/accept-metric.js';
import { cpuSeconds } from './bench/cpu.js';
import { Load, percentile, type LoadResult } from './bench/load.js';
import { startSystems, type Systems } from './bench/systems.js';

const HELP = `npm run bench -- [--seconds 8] [--rate 50] [--rounds 3] [--delay 20]

Turns a second, latency and CPU of all of DarkSpere, beside a bare bridge (tools/bench/src/bench/bridge.ts) that gets the
same load in the same run, in turn. Needs a quiet machine; read the ratios, not the absolute figures.

  --seconds  length of one measured phase (default 8; at most 12: an unconfirmed reply is looked up after 15 s)
  --rate     texts a second of the paced phase (default 50)
  --rounds   how often the sides take turns (default 3; the median round counts)
  --delay    how long the agent takes, in milliseconds (default 20)

The last line of the output is one JSON object.`;

type Side = 'darkspere' | 'bridge';
interface Phase {
  turns_per_s: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
  cpu_ms_per_turn: number;
  postgres_cpu_ms_per_turn: number;
  unanswered: number;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    rate: { type: 'string', default: '50' },
    rounds: { type: 'string', default: '3' },
    delay: { type: 'string', default: '20' },
    help: { type: 'boolean', default: false },
  },
});
const number = (name: 'seconds' | 'rate' | 'rounds' | 'delay', least: number, most: number): number => {
  const value = Number(values[name]);
  if (!(value >= least && value <= most)) throw new Error(`--${name} must be a number from ${least} to ${most}.`);
  return value;
};

const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
const say = (line: string): void => console.log(line);

const phaseOf = (result: LoadResult, cpu: number, postgresCpu: number): Phase => ({
  turns_per_s: round(result.turns / result.seconds, 1),
  p50_ms: round(percentile(result.latencies, 0.5), 1),
  p95_ms: round(percentile(result.latencies, 0.95), 1),
  p99_ms: round(percentile(result.latencies, 0.99), 1),
  cpu_ms_per_turn: round((cpu * 1_000) / result.turns, 3),
  postgres_cpu_ms_per_turn: round((postgresCpu * 1_000) / result.turns, 3),
  unanswered: result.unanswered,
});

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const medianPhase = (phases: Phase[]): Phase =>
  Object.fromEntries(
    (Object.keys(phases[0]!) as (keyof Phase)[]).map((key) => [key, median(phases.map((phase) => phase[key]))]),
  ) as unknown as Phase;

class Bench {
  private readonly loads: Record<Side, Load>;
  readonly phases = new Map<string, Phase[]>();

  constructor(private readonly systems: Systems) {
    this.loads = {
      darkspere: new Load(systems.targets.darkspere, systems.carrier),
      bridge: new Load(systems.targets.bridge, systems.carrier),
    };
  }

  async run(side: Side, name: string, load: (load: Load) => Promise<LoadResult>, isMeasured = true): Promise<void> {
    const { pids } = this.systems;
    const own = [...pids[side], pids.postgres];
    const before = { own: cpuSeconds(own), postgres: cpuSeconds([pids.postgres]) };
    const result = await load(this.loads[side]);
    const phase = phaseOf(result, cpuSeconds(own) - before.own, cpuSeconds([pids.postgres]) - before.postgres);
    await this.loads[side].settle();
    if (!isMeasured) return;
    say(`${side.padEnd(10)} ${name.padEnd(14)} ${JSON.stringify(phase)}`);
    const key = `${side}:${name}`;
    this.phases.set(key, [...(this.phases.get(key) ?? []), phase]);
  }

  median(side: Side, name: string): Phase {
    return medianPhase(this.phases.get(`${side}:${name}`)!);
  }

  async close(): Promise<void> {
    await Promise.all([this.loads.darkspere.close(), this.loads.bridge.close()]);
  }
}

const bench = async (): Promise<void> => {
  const [seconds, rate, rounds, delay] = [
    number('seconds', 1, 12),
    number('rate', 1, 1_000),
    number('rounds', 1, 50),
    number('delay', 0, 5_000),
  ];
  const systems = await startSystems(delay, say);
  const runs = new Bench(systems);
  try {
    say('warming up');
    for (const side of ['bridge', 'darkspere', 'bridge', 'darkspere'] as const)
      await runs.run(side, 'warm-up', (load) => load.inFlight(32, Math.min(6, seconds)), false);
    for (let i = 0; i < rounds; i += 1) {
      // Who goes first changes: what drifts hits both.
      const sides: Side[] = i % 2 === 0 ? ['bridge', 'darkspere'] : ['darkspere', 'bridge'];
      for (const inFlight of [64, 16])
        for (const side of sides) await runs.run(side, `${inFlight} in flight`, (load) => load.inFlight(inFlight, seconds));
      for (const side of sides) await runs.run(side, `${rate}/s`, (load) => load.atRate(rate, seconds));
    }
    const before = await readAccepts(systems.metricsUrl);
    await runs.run('darkspere', '100/s', (load) => load.atRate(100, seconds));
    const accepts = await readAccepts(systems.metricsUrl);
    const result = {
      bench: 'turns',
      agent_ms: delay,
      rounds,
      seconds,
      turns_ratio_64: round(ratio(runs, '64 in flight', 'turns_per_s')),
      turns_ratio_16: round(ratio(runs, '16 in flight', 'turns_per_s')),
      cpu_ratio_64: round(ratio(runs, '64 in flight', 'cpu_ms_per_turn')),
      cpu_ratio_16: round(ratio(runs, '16 in flight', 'cpu_ms_per_turn')),
      p95_ms_at_rate: runs.median('darkspere', `${rate}/s`).p95_ms,
      accept_p95_ms_at_100: percentileBetween(before, accepts, 0.95),
      darkspere: Object.fromEntries(['64 in flight', '16 in flight', `${rate}/s`].map((name) => [name, runs.median('darkspere', name)])),
      bridge: Object.fromEntries(['64 in flight', '16 in flight', `${rate}/s`].map((name) => [name, runs.median('bridge', name)])),
    };
    say(JSON.stringify(result));
  } finally {
    await runs.close();
    await systems.stop();
  }
};

/** Median of the rounds' own ratios: the two sides of a round ran within seconds of each other. */
const ratio = (runs: Bench, name: string, figure: keyof Phase): number => {
  const [ours, theirs] = [runs.phases.get(`darkspere:${name}`)!, runs.phases.get(`bridge:${name}`)!];
  return median(ours.map((phase, i) => phase[figure] / theirs[i]![figure]));
};

if (values.help) say(HELP);
else
  await bench().catch((error: Error) => {
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  });
