// What every command needs before it can run: the packages and the compiled code. Plain JavaScript without dependencies.
import { spawn } from 'node:child_process';
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

/** Installs what is missing and builds what has changed; one process at a time. */
export const prepare = async () => {
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
    for (const end = Date.now() + 10_000; isRunning(child); await sleep(100))
      process.kill(child.pid, Date.now() < end ? 'SIGTERM' : 'SIGKILL');
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
  const { code, output } = await withProgress('building', process.execPath, [
    join(MODULES, 'typescript/bin/tsc'),
    '-b',
    '--pretty',
    'false',
  ]);
  if (code !== 0) fail(`The build failed:\n${output}`);
};

/** Runs it silently, tells every few seconds that it still goes on, and gives back the end of what it said. */
const withProgress = (what, file, args) =>
  new Promise((finish) => {
    const begin = Date.now();
    const elapsed = () => `${Math.round((Date.now() - begin) / 1000)} s`;
    const isTty = process.stdout.isTTY;
    const timer = setInterval(
      () => (isTty ? process.stdout.write(`\r${what} … ${elapsed()} `) : print(`${what} … ${elapsed()}`)),
      isTty ? 1_000 : 5_000,
    );
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
      finish({ code, output: output.trim() });
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

export const print = (text) => process.stdout.write(`${text}\n`);

export const fail = (text, code = 1) => {
  console.error(text);
  process.exit(code);
};
