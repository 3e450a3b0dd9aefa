import { textCommand } from './text-command.js';

process.exitCode = await textCommand(process.argv.slice(2), process);
