// Run by the supervisor as a process of its own before the apps: the ORM's 100 MB stay out of the long-running one.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { bootstrap, migrate } from '@darkspere/database';
import { apiKeyPrefix, isKeyOf, newApiKey } from '@darkspere/domain';
import { writePrivate } from './home.js';
import { LOCAL_NUMBER } from './settings.js';

const main = async (databaseUrl: string, adminKeyFile: string): Promise<void> => {
  await migrate(databaseUrl);
  const made = (await isKnown(databaseUrl, adminKeyFile)) ? null : newApiKey(randomBytes);
  const adminKey = made && { prefix: made.prefix, hash: made.hash };
  await bootstrap(databaseUrl, { name: 'Local', phoneNumber: LOCAL_NUMBER, adminKey });
  if (made) writePrivate(adminKeyFile, `${made.key}\n`);
};

/** Is the key in the file one that this database accepts? The file may be lost, or from another database. */
const isKnown = async (databaseUrl: string, file: string): Promise<boolean> => {
  const key = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  const prefix = apiKeyPrefix(key);
  if (prefix === null) return false;
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ found: { secret_hash: string } | null }>('select security.find_api_key($1, now()) as found', [
      prefix,
    ]);
    const hash = rows[0]?.found?.secret_hash;
    return hash !== undefined && isKeyOf(key, hash);
  } finally {
    await client.end();
  }
};

const [, , adminKeyFile = ''] = process.argv;
await main(process.env.DATABASE_URL ?? '', adminKeyFile).catch((error: Error) => {
  console.error(`The database could not be prepared: ${error.message || String((error as Error & { code?: string }).code)}`);
  process.exit(1);
});
