import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const directory = (name: string): string => fileURLToPath(new URL(`../${name}/`, import.meta.url));

const sqlFiles = (name: string): { name: string; sql: string }[] =>
  readdirSync(directory(name))
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => ({ name: file.slice(0, -'.sql'.length), sql: readFileSync(directory(name) + file, 'utf8') }));

/** TypeORM orders migrations by the 13 digits at the end of their names: our number becomes such a stamp. */
const stamp = (name: string): string => String(1_700_000_000_000 + Number(name.slice(0, 4)));

/** `migrations/NNNN_name.sql` as TypeORM migrations, forward only. */
export const sqlMigrations = (): (new () => MigrationInterface)[] =>
  sqlFiles('migrations').map(({ name, sql }) => {
    class SqlMigration implements MigrationInterface {
      name = `${name.slice(5)}${stamp(name)}`;
      async up(runner: QueryRunner): Promise<void> {
        await runner.query(sql);
      }
      async down(): Promise<void> {
        throw new Error('Migrations go forward only: write a new one.');
      }
    }
    Object.defineProperty(SqlMigration, 'name', { value: `${name.slice(5)}${stamp(name)}` });
    return SqlMigration;
  });

/** Functions live in files of their own and are applied again at every migration run: the newest text wins. */
export const sqlFunctions = (): string[] => sqlFiles('functions').map(({ sql }) => sql);
