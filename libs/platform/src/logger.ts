import type { LoggerService } from '@nestjs/common';
import { pino, type Logger as Pino } from 'pino';

// A phone number in any text that reaches a log is cut to its last two digits; keys lose everything but their prefix.
const PHONE = /\+?\d[\d\s().-]{7,16}\d/g;
const API_KEY = /\bds_(live|test)_([0-9A-Za-z]{8})[0-9A-Za-z]+/g;
const mask = (text: string): string =>
  text.replace(API_KEY, 'ds_$1_$2…').replace(PHONE, (match) => {
    const digits = match.replace(/\D/g, '');
    return digits.length < 8 || digits.length > 15 || !/^\+|^\d{10,15}$/.test(match) ? match : `…${digits.slice(-2)}`;
  });

/** JSON lines on standard output. Nothing that a person wrote, and no whole phone number, belongs in a log. */
export class JsonLogger implements LoggerService {
  private readonly pino: Pino;

  constructor(app: string, level: string) {
    this.pino = pino({ level, base: { app }, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } });
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
    const stack = rest.length > 1 && typeof rest[0] === 'string' ? mask(rest[0]) : message instanceof Error ? mask(message.stack ?? '') : undefined;
    const text = message instanceof Error ? message.message : typeof message === 'string' ? message : JSON.stringify(message);
    this.pino[level]({ context, stack }, mask(text ?? ''));
  }
}
