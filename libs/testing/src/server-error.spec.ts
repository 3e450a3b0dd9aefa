import { diskFull } from './server-error.js';

describe('diskFull', () => {
  it.each([
    'FATAL:  could not write to file "pg_wal/xlogtemp.1": No space left on device',
    'ENOSPC: no space left on device, write',
    'ERROR: Could not install packages due to an OSError: [Errno 122] Disk quota exceeded',
  ])('tells the way out of: %s', (text) => {
    expect(diskFull(text, '/data')?.message).toMatch(/^The disk that holds \/data is full\. Free some space/);
  });

  it('is not what another error is', () => {
    expect(diskFull('permission denied', '/data')).toBeNull();
  });
});
