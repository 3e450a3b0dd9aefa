// The one entry of every npm script: node tools/local/start.mjs <command> [arguments]. Plain JavaScript on the Node that
// the person has, without dependencies: it installs and builds what is missing, then hands over to the compiled command,
// on the Node 24 that comes with the packages where there is one.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, prepare, print } from './setup.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HOME = resolve(process.env.DARKSPERE_HOME || join(ROOT, '.darkspere'));
const OLDEST_NODE = [20, 19];

const COMMANDS = {
  start: {
    tool: 'tools/local/dist/start.js',
    help: `npm start

Starts everything on this machine and stays in the foreground: Postgres, Redis, a stand-in for the carrier (the twin) and
the nine apps. Ready when http://127.0.0.1:8000/health answers. Ctrl-C, or npm stop elsewhere, ends it; the data stays.

  DARKSPERE_HOME          where the data, keys and logs live (default: .darkspere in the project)
  DARKSPERE_PORT_OFFSET   added to every port of this run (default: 0)
  DATABASE_URL            a Postgres of yours instead of the embedded one
  REDIS_URL               a Redis of yours instead of the embedded one
  TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_API_BASE
                          the real carrier, or another stand-in, instead of the twin

Other variables of the apps (LLM_*, STRIPE_*, PUBLIC_BASE_URL, LOG_LEVEL, …) are passed on.`,
  },
  stop: {
    tool: 'tools/local/dist/stop.js',
    help: `npm stop

Ends the run of this DARKSPERE_HOME and waits until all its processes are gone. The data stays. Exit code 0 also when
nothing was running.`,
    light: true,
  },
  status: {
    tool: 'tools/local/dist/status.js',
    help: `npm run status [-- --json]

Shows what runs where. With --json: one line, [{"name", "pid", "port", "status"}], where status is starting, healthy,
degraded, restarting or stopped. Exit code 3 when nothing runs.`,
    light: true,
  },
  text: {
    tool: 'tools/twin/dist/text.js',
    help: `npm run text [-- options]\n\nTexts the running system as a phone would.`,
    own: true,
    light: true,
  },
  test: {
    tool: 'tools/local/dist/test.js',
    help: `npm test [-- unit|db|e2e|journey …] [jest arguments]

Builds, then runs the unit, db and e2e specs, the boundary check, and the journeys on a whole system of their own. Names
select suites; other arguments go to jest, for example: npm test -- unit -t "opt-out". The last line is the count:
"N passed, M failed". Exit code 1 on any failure, and when nothing was tested.`,
  },
  check: {
    tool: 'tools/local/dist/check.js',
    help: `npm run check

What takes seconds: format (prettier), lint (oxlint), types (tsc -b), boundaries between projects, unit specs.
npm run check -- --fix formats and lints in place first.`,
  },
  races: {
    tool: 'tools/bench/dist/races.js',
    help: 'npm run races [-- options]\n\nReplays what can happen at the same time, in many orders.',
    own: true,
  },
  bench: {
    tool: 'tools/bench/dist/bench.js',
    help: 'npm run bench [-- options]\n\nMeasures speed against the targets of the design.',
    own: true,
  },
  'bench:agents': {
    tool: 'tools/bench/dist/agents.js',
    help: 'npm run bench:agents [-- options]\n\nMeasures what a thousand agents cost, and the death of one.',
    own: true,
  },
  chaos: {
    tool: 'tools/bench/dist/chaos.js',
    help: 'npm run chaos [-- options]\n\nKills parts of a running system under load and counts what was lost.',
    own: true,
  },
};

const HELP = `npm start           start everything on this machine
npm stop            end it; the data stays
npm run status      what runs where
npm run text        text it, as a phone would
npm test            build and run all tests
npm run check       format, lint, types, boundaries, unit tests
npm run races       replay races
npm run bench       measure speed
npm run bench:agents  measure what many agents cost
npm run chaos       kill parts under load and count what was lost

Each takes -- --help.`;

const main = async () => {
  const [name = 'help', ...args] = process.argv.slice(2);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (['help', '--help', '-h'].includes(name)) return print(HELP);
  if (!command) return fail(`There is no command ${name}.\n\n${HELP}`, 2);
  const tool = join(ROOT, command.tool);
  if (args.includes('--help') || args.includes('-h')) {
    print(command.help);
    return command.own && existsSync(tool) ? handOver(tool, ['--help']) : undefined;
  }
  checkNode();
  // What only asks or ends needs no fresh build, and where nothing was ever started there is nothing to ask.
  if (command.light && !existsSync(tool) && !wasStarted()) return nothingRuns(name, args);
  if (!command.light || !existsSync(tool)) await prepare();
  if (!existsSync(tool)) return fail(`npm run ${name} is not part of this version yet (${command.tool} is missing).`);
  // The phone reads run.json, wherever it is called from.
  handOver(tool, args, name === 'text' ? { DARKSPERE_HOME: HOME } : {});
};

const checkNode = () => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  fail(`Node ${process.versions.node} is too old: DarkSpere needs Node ${OLDEST_NODE.join('.')} or later (https://nodejs.org).`);
};

const wasStarted = () => existsSync(join(HOME, 'run.json'));

const nothingRuns = (name, args) => {
  if (name === 'stop') return print('Nothing is running here.');
  if (args.includes('--json')) print('[]');
  fail('Nothing is running here: npm start starts it.', 3);
};

/** The compiled command, with our terminal, its signals and its exit code. */
const handOver = (tool, args, more = {}) => {
  const env = { ...process.env, DARKSPERE_PARENT: String(process.pid), ...more };
  const child = spawn(nodeToUse(), [tool, ...args], { stdio: 'inherit', env });
  // An npm that is killed -9 can't pass that on; what it started in the foreground must not go on unseen.
  const npm = process.env.npm_lifecycle_event && process.ppid;
  if (npm) setInterval(() => process.ppid !== npm && child.kill('SIGTERM'), 1_000).unref();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${tool} could not be started: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + ({ SIGINT: 2, SIGKILL: 9, SIGTERM: 15, SIGHUP: 1 }[signal] ?? 0)));
};

/** Node 24 from the packages, unless there is none for this machine or it can't run here. */
const nodeToUse = () => {
  const bundled = join(ROOT, 'node_modules', '.bin', 'node');
  return existsSync(bundled) && spawnSync(bundled, ['--version']).status === 0 ? bundled : process.execPath;
};

process.stdout.on('error', () => undefined);
main().catch((error) => {
  const sentence = {
    ENOSPC: 'The disk is full: free some space (about 1 GB) and start again.',
    EACCES: `The project's directory can't be written: ${error.path}. Start as the user that owns it.`,
    EROFS: `The project's directory is read-only: ${error.path}.`,
  }[error.code];
  fail(sentence ?? error.stack);
});
