// Adds to package-lock.json the optional platform packages that npm left out because the registry it asked did not
// have them (darwin, win32, …). Without the entries `npm ci` refuses the lock: "Missing: @swc/core-darwin-arm64@ from
// lock file". Run it after every `npm install` that changes the lock: `node tools/lock-fill.mjs [path of the lock]`.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const OS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'wasm32', 'win32'];
const CPU = {
  arm64: 'arm64',
  aarch64: 'arm64',
  x64: 'x64',
  ia32: 'ia32',
  arm: 'arm',
  ppc64: 'ppc64',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
};

const file = process.argv[2] ?? fileURLToPath(new URL('../package-lock.json', import.meta.url));
const lock = JSON.parse(readFileSync(file, 'utf8'));

/** The lock's key of `name` as seen from the package at `from`, or undefined: Node's own look-up, upwards. */
const resolve = (from, name) => {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    const key = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (lock.packages[key]) return key;
    if (at === '') return undefined;
    if (!at.includes('node_modules/')) at = '';
  }
};

const platformOf = (name) => {
  const words = name.split(/[-/]/);
  const os = words.find((word) => OS.includes(word));
  const cpu = words.map((word) => CPU[word]).find(Boolean);
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : os === 'linux' ? 'glibc' : undefined;
  return { ...(cpu && { cpu: [cpu] }), ...(os && { os: [os] }), ...(libc && { libc: [libc] }) };
};

const added = {};
for (const [from, entry] of Object.entries(lock.packages)) {
  for (const [name, wanted] of Object.entries(entry.optionalDependencies ?? {})) {
    if (resolve(from, name)) continue;
    const version = /^\d+\.\d+\.\d+[\w.+-]*$/.exec(wanted)?.[0];
    const platform = platformOf(name);
    if (!version || !platform.os) {
      console.error(`${name}@${wanted} (optional, of ${from || 'the root'}) is missing and its platform can't be told from its name`);
      process.exitCode = 1;
      continue;
    }
    added[`node_modules/${name}`] = { version, ...platform, ...(entry.dev && { dev: true }), optional: true };
  }
}

const count = Object.keys(added).length;
if (count > 0) {
  const [root, ...rest] = Object.entries({ ...lock.packages, ...added });
  rest.sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries([root, ...rest]);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
}
console.log(count > 0 ? `${count} optional packages added to ${file}` : `nothing to add to ${file}`);
