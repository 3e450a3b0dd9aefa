import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explain } from './failure.js';
import { Home, writePrivate } from './home.js';

describe('Home', () => {
  let dir: string;
  let home: Home;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'darkspere-home-'));
    home = new Home(join(dir, 'a', 'home'));
    home.open();
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('makes its secrets once, readable by nobody else', () => {
    const first = home.secrets();
    expect(home.secrets()).toEqual(first);
    expect(first.encryptionKeys).toMatch(/^k1:[A-Za-z0-9+/]{43}=$/);
    expect(first.twinAccountSid).toMatch(/^AC[0-9a-f]{32}$/);
    expect(statSync(join(home.dir, 'secrets.json')).mode & 0o777).toBe(0o600);
  });

  it('makes no new keys over damaged ones: what they encrypted would be lost', () => {
    writeFileSync(join(home.dir, 'secrets.json'), '{"encryptionKeys"');
    expect(() => home.secrets()).toThrow(/secrets\.json is damaged\. Restore it, or remove it/);
  });

  it('keeps the logs of the run before beside those of this one', () => {
    writeFileSync(home.log('billing'), 'first run\n');
    home.rotateLogs();
    writeFileSync(home.log('billing'), 'second run\n');
    expect(home.logTail('billing')).toBe('second run');
    home.rotateLogs();
    expect(readFileSync(join(home.logs, 'billing.previous.log'), 'utf8')).toBe('second run\n');
  });

  it('empties a log that has grown too large and keeps what was in it', () => {
    writeFileSync(home.log('billing'), 'x'.repeat(100));
    home.capLogs(99);
    expect(statSync(home.log('billing')).size).toBe(0);
    expect(statSync(join(home.logs, 'billing.previous.log')).size).toBe(100);
  });

  it('leaves no half-written secret when it cannot be written', () => {
    expect(() => writePrivate(home.logs, 'text')).toThrow();
    expect(readdirSync(home.dir)).toEqual(['logs']);
  });

  it('is refused with one sentence where a file is in the way', () => {
    writeFileSync(join(dir, 'file'), '');
    const inTheWay = new Home(join(dir, 'file', 'home'));
    const told = catchError(() => inTheWay.open());
    expect(explain(told, inTheWay.dir)).toMatch(
      /is not a directory, and none can be made there: choose another place with DARKSPERE_HOME\.$/,
    );
  });

  // Root may write anywhere.
  (process.getuid?.() === 0 ? it.skip : it)('is refused with one sentence where it cannot be written', () => {
    chmodSync(home.dir, 0o500);
    expect(
      explain(
        catchError(() => home.open()),
        home.dir,
      ),
    ).toMatch(/can't be used by this user \(EACCES\)/);
    chmodSync(home.dir, 0o700);
    expect(existsSync(join(home.dir, '.writable'))).toBe(false);
  });
});

const catchError = (work: () => void): unknown => {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
};
