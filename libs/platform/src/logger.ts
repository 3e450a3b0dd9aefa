import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Logger as Pino } from 'pino';

// A phone number in any text that reaches a log is cut to its last two digits; keys lose everything but their prefix.
// After a plus 7 to 15 digits, however they are grouped; without one 10 to 15 in a row, but not the end of a UUID.
const PHONE = /\+\d(?:[\s().-]{0,3}\d){6,14}|(?<!\d|-[\da-f]{4}-)\d{10,15}(?!\d)/g;
const API_KEY = /\bds_(live|test)_([0-9A-Za-z]{8})[0-9A-Za-z]+/g;
const mask = (text: string): string => text.replace(API_KEY, 'ds_$1_$2…').replace(PHONE, (match) => `…${match.slice(-2)}`);

const asText = (message: unknown): string => {
  if (typeof message === 'string') return message;
  if (message instanceof Error) return message.message;
  try {
    return JSON.stringify(message) ?? String(message);
  } catch {
    // A circle, a bigint: a log line is never a reason to fail.
    return inspect(message);
  }
};

/** JSON lines on standard output. Nothing that a person wrote, and no whole phone number, belongs in a log. */
export class JsonLogger implements LoggerService {
  private readonly pino: Pino;

  constructor(app: string, level: string, out: DestinationStream = pino.destination(1)) {
    this.pino = pino(
      { level, base: { app }, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
      out,
    );
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Nest passes the context last, and a stack before it. */
  private write(level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', message: unknown, rest: unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const context = typeof rest.at(-1) === 'string' ? (rest.at(-1) as string) : undefined;
    const stack =
      rest.length > 1 && typeof rest[0] === 'string' ? mask(rest[0]) : message instanceof Error ? mask(message.stack ?? '') : undefined;
    this.pino[level]({ context, stack }, mask(asText(message)));
  }
}
