// The one entry of every npm script: node tools/local/start.mjs <command> [arguments]. Plain JavaScript on the Node that
// the person has, without dependencies: it installs and builds what is missing, then hands over to the compiled command,
// on the Node 24 that comes with the packages where there is one.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isRunning, processStart, takeLock } from './file-lock.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MODULES = join(ROOT, 'node_modules');
const LOCK = join(ROOT, 'package-lock.json');
const STAMP = join(MODULES, '.darkspere-lock');
const CHILD = join(ROOT, '.darkspere', 'setup.child');
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
  text: { tool: 'tools/twin/dist/text.js', help: `npm run text [-- options]\n\nTexts the running system as a phone would.`, own: true, light: true },
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
  races: { tool: 'tools/bench/dist/races.js', help: 'npm run races [-- options]\n\nReplays what can happen at the same time, in many orders.', own: true },
  bench: { tool: 'tools/bench/dist/bench.js', help: 'npm run bench [-- options]\n\nMeasures speed against the targets of the design.', own: true },
  chaos: { tool: 'tools/bench/dist/chaos.js', help: 'npm run chaos [-- options]\n\nKills parts of a running system under load and counts what was lost.', own: true },
};

const HELP = `npm start           start everything on this machine
npm stop            end it; the data stays
npm run status      what runs where
npm run text        text it, as a phone would
npm test            build and run all tests
npm run check       format, lint, types, boundaries, unit tests
npm run races       replay races
npm run bench       measure speed
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
  handOver(tool, args);
};

const checkNode = () => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  fail(`Node ${process.versions.node} is too old: DarkSpere needs Node ${OLDEST_NODE.join('.')} or later (https://nodejs.org).`);
};

const wasStarted = () => existsSync(join(process.env.DARKSPERE_HOME || join(ROOT, '.darkspere'), 'run.json'));

const nothingRuns = (name, args) => {
  if (name === 'stop') return print('Nothing is running here.');
  if (args.includes('--json')) print('[]');
  fail('Nothing is running here: npm start starts it.', 3);
};

const prepare = async () => {
  const release = await setupLock();
  try {
    if (!isInstalled()) await install();
    await build();
  } finally {
    release();
  }
};

/** One at a time installs and builds; another one waits. Without write access there is nothing to guard. */
const setupLock = async () => {
  const dir = join(ROOT, '.darkspere');
  let announced = false;
  for (;;) {
    let lock;
    try {
      if (mkdirSync(dir, { recursive: true })) chmodSync(dir, 0o711);
      lock = takeLock(join(dir, 'setup.lock'));
    } catch (error) {
      if (isInstalled() && ['EACCES', 'EROFS', 'EPERM'].includes(error.code)) return () => undefined;
      throw error;
    }
    if (lock.release) {
      process.once('exit', lock.release);
      await endAbandonedChild();
      return lock.release;
    }
    if (!announced) print(`Another command (pid ${lock.holder.pid}) is installing or building here; waiting for it.`);
    announced = true;
    await sleep(200);
  }
};

/** A killed start leaves its npm at work, and two of them in one node_modules spoil it. */
const endAbandonedChild = async () => {
  if (!existsSync(CHILD)) return;
  try {
    const child = JSON.parse(readFileSync(CHILD, 'utf8'));
    for (const end = Date.now() + 10_000; isRunning(child); await sleep(100)) process.kill(child.pid, Date.now() < end ? 'SIGTERM' : 'SIGKILL');
  } catch {
    // Gone, or never written completely.
  }
  rmSync(CHILD, { force: true });
};

const hashOf = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** By our stamp, or because somebody ran npm by hand: npm writes down what it installed as the last thing it does. */
const isInstalled = () => {
  if (!existsSync(join(MODULES, '.bin', 'tsc'))) return false;
  const hash = hashOf(LOCK);
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash) return true;
  if (!isTreeOf(LOCK)) return false;
  stamp(hash);
  return true;
};

const stamp = (hash) => {
  try {
    writeFileSync(STAMP, hash);
  } catch {
    // Read-only: then it is compared again next time.
  }
};

const isTreeOf = (lockFile) => {
  const inner = join(MODULES, '.package-lock.json');
  if (!existsSync(inner)) return false;
  const installed = JSON.parse(readFileSync(inner, 'utf8')).packages;
  const wanted = Object.entries(JSON.parse(readFileSync(lockFile, 'utf8')).packages);
  return wanted.every(([path, { version, optional, devOptional, link }]) => {
    if (!path.includes('node_modules/')) return true;
    const found = installed[path];
    if (link) return found?.link === true;
    return found ? found.version === version : optional === true || devOptional === true;
  });
};

const install = async () => {
  print('Installing the packages (npm ci): about a minute the first time.');
  // Our own flags first: NODE_ENV=production or an omit setting would leave out the compiler, Postgres and Node 24.
  const flags = ['--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const first = await npm('ci', flags);
  if (first.code !== 0) {
    print(`npm ci failed:\n${first.output}\nTrying npm install instead, which may take other versions than the ones tested.`);
    const second = await npm('install', ['--no-save', ...flags]);
    if (second.code !== 0) {
      const hint = /ENOSPC/.test(second.output)
        ? 'The disk is full: about 1 GB is needed.'
        : 'Is the network there? Try `npm ci` by hand to see more.';
      fail(`The packages could not be installed. ${hint}\n${second.output}`);
    }
  }
  stamp(hashOf(LOCK));
};

const npm = (verb, flags) => {
  const cli = process.env.npm_execpath ?? '';
  const [file, ...before] = /^npm-cli\.c?js$/.test(basename(cli)) && existsSync(cli) ? [process.execPath, cli] : ['npm'];
  return withProgress(`npm ${verb}`, file, [...before, verb, ...flags]);
};

const build = async () => {
  const { code, output } = await withProgress('building', process.execPath, [join(MODULES, 'typescript/bin/tsc'), '-b', '--pretty', 'false']);
  if (code !== 0) fail(`The build failed:\n${output}`);
};

/** Runs it silently, tells every few seconds that it still goes on, and gives back the end of what it said. */
const withProgress = (what, file, args) =>
  new Promise((resolve) => {
    const begin = Date.now();
    const elapsed = () => `${Math.round((Date.now() - begin) / 1000)} s`;
    const isTty = process.stdout.isTTY;
    const timer = setInterval(() => (isTty ? process.stdout.write(`\r${what} … ${elapsed()} `) : print(`${what} … ${elapsed()}`)), isTty ? 1_000 : 5_000);
    const child = spawn(file, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    if (child.pid) remember(child.pid);
    const interrupt = (signal) => {
      child.kill(signal);
      process.exit(130);
    };
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
    let output = '';
    const collect = (data) => (output = (output + data).slice(-8_000));
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const done = (code) => {
      clearInterval(timer);
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
      rmSync(CHILD, { force: true });
      if (isTty && Date.now() - begin > 1_000) process.stdout.write('\r\x1b[K');
      if (code === 0 && Date.now() - begin > 2_000) print(`${what}: done in ${elapsed()}`);
      resolve({ code, output: output.trim() });
    };
    child.on('error', (error) => done((output += error.message) && 1));
    child.on('close', (code) => done(code ?? 1));
  });

const remember = (pid) => {
  try {
    writeFileSync(CHILD, JSON.stringify({ pid, started: processStart(pid) }));
  } catch {
    // Read-only, or a full disk: the child itself will tell.
  }
};

/** The compiled command, with our terminal, its signals and its exit code. */
const handOver = (tool, args) => {
  const child = spawn(nodeToUse(), [tool, ...args], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${tool} could not be started: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + ({ SIGINT: 2, SIGKILL: 9, SIGTERM: 15, SIGHUP: 1 }[signal] ?? 0)));
};

/** Node 24 from the packages, unless there is none for this machine or it can't run here. */
const nodeToUse = () => {
  const bundled = join(MODULES, '.bin', 'node');
  return existsSync(bundled) && spawnSync(bundled, ['--version']).status === 0 ? bundled : process.execPath;
};

const print = (text) => process.stdout.write(`${text}\n`);

const fail = (text, code = 1) => {
  console.error(text);
  process.exit(code);
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
