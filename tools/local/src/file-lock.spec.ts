import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning, lockHolder, processStart, takeLock } from '../file-lock.mjs';

describe('file lock', () => {
  const dir = mkdtempSync(join(tmpdir(), 'darkspere-lock-'));
  const path = join(dir, 'lock');
  const self = { pid: process.pid, started: processStart(process.pid) };
  afterEach(() => rmSync(path, { force: true }));
  afterAll(() => rmSync(dir, { recursive: true }));

  it('is held by one, who is named to the next, until it is released', () => {
    const first = takeLock(path);
    expect(takeLock(path)).toEqual({ holder: self, release: null });
    expect(lockHolder(path)).toEqual(self);
    first.release!();
    expect(lockHolder(path)).toBeNull();
    expect(takeLock(path).holder).toBeNull();
  });

  it.each([
    ['a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, started: '1' })],
    ['a pid that another process has by now', JSON.stringify({ pid: process.pid, started: 'earlier' })],
    ['something that is no record', 'garbage'],
    ['a record without a pid', '{}'],
  ])('is taken over from %s', (_, content) => {
    writeFileSync(path, content);
    expect(lockHolder(path)).toBeNull();
    expect(takeLock(path).holder).toBeNull();
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(self);
  });

  it('is not released by somebody who lost it', () => {
    const { release } = takeLock(path);
    writeFileSync(path, JSON.stringify({ pid: 1, started: processStart(1) }));
    release!();
    expect(readFileSync(path, 'utf8')).toContain('"pid":1');
  });

  it('tells this process from an earlier one with the same pid', () => {
    expect(isRunning(self)).toBe(true);
    expect(isRunning({ ...self, started: '1' })).toBe(false);
    expect(isRunning({ pid: -1, started: null })).toBe(false);
  });
});
