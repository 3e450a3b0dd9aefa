// Run when a supervisor has ended (see stand-by.ts), with its home and its pid. After an orderly end there is nothing to do.
import { isRunning } from '../file-lock.mjs';
import { Home } from './home.js';
import { endOrphans, orphansOf } from './orphans.js';
import { readRun } from './run-file.js';

const [, , dir = '', pid = ''] = process.argv;
const run = readRun(new Home(dir).runFile);
// A later run has a record of its own, and has ended these orphans itself.
if (run && run.pid === Number(pid) && !isRunning(run)) await endOrphans(orphansOf(run.processes));
