import { Client } from 'pg';

export interface BootstrapOptions {
  /** Name of the account that is made when the database has none. */
  name: string;
  /** Bound to the account's built-in team if nobody has the number yet. */
  phoneNumber: string;
  /** A new admin key for the account; earlier keys of this label are revoked. null: keep what is there. */
  adminKey: { prefix: string; hash: string } | null;
}

const ADMIN_KEY_LABEL = 'first admin key';

/**
 * Makes sure that the default account, its built-in team and its number exist. Repeatable.
 * @returns `needsAdminKey`: the account has no live admin key of ours yet and none was given.
 */
export const bootstrap = async (databaseUrl: string, options: BootstrapOptions): Promise<{ accountId: string; needsAdminKey: boolean }> => {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ id: string }>('select security.ensure_default_account($1) as id', [options.name]);
    const accountId = rows[0]!.id;
    if (options.adminKey) {
      await client.query('select security.replace_api_key($1, $2, $3, $4, $5, null)', [
        accountId,
        ADMIN_KEY_LABEL,
        options.adminKey.prefix,
        options.adminKey.hash,
        ['admin'],
      ]);
    }
    const { rows: agents } = await client.query<{ id: string }>('select registry.ensure_builtin_agent($1) as id', [accountId]);
    await client.query('select messaging.ensure_number($1, $2, $3)', [accountId, options.phoneNumber, agents[0]!.id]);
    const { rows: keys } = await client.query<{ has: boolean }>('select security.has_api_key($1, $2) as has', [accountId, ADMIN_KEY_LABEL]);
    await client.query('commit');
    return { accountId, needsAdminKey: !keys[0]!.has };
  } finally {
    await client.end();
  }
};
