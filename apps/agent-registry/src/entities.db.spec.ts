import { createTestDatabase, type TestDatabase } from '@darkspere/testing';
import { DataSource } from 'typeorm';
import { AgentEntity } from './agents/agent.entity.js';
import { ApiKeyEntity } from './api-keys/api-key.entity.js';

interface ColumnRow {
  name: string;
  type: string;
  isNullable: boolean;
}

const ENTITIES = [AgentEntity, ApiKeyEntity];

describe('entities', () => {
  let database: TestDatabase;
  let source: DataSource;
  beforeAll(async () => {
    database = await createTestDatabase();
    source = await new DataSource({ type: 'postgres', url: database.url, entities: ENTITIES, poolSize: 1 }).initialize();
  });
  afterAll(async () => {
    await source?.destroy();
    await database?.drop();
  });

  const declared = (entity: (typeof ENTITIES)[number]): ColumnRow[] =>
    source
      .getMetadata(entity)
      .columns.map((column) => ({
        name: column.databaseName,
        type: source.driver.normalizeType(column) + (column.isArray ? '[]' : ''),
        isNullable: column.isNullable,
      }))
      .sort(byName);

  const existing = async (entity: (typeof ENTITIES)[number]): Promise<ColumnRow[]> => {
    const { schema, tableName } = source.getMetadata(entity);
    const { rows } = await database.pool.query<ColumnRow>(
      `select column_name as name, is_nullable = 'YES' as "isNullable",
         case data_type when 'ARRAY' then ltrim(udt_name, '_') || '[]' else data_type end as type
       from information_schema.columns where table_schema = $1 and table_name = $2`,
      [schema, tableName],
    );
    return rows.sort(byName);
  };

  it.each(ENTITIES)('%p has the columns of its table: the same names, types and nulls', async (entity) => {
    expect(declared(entity)).toEqual(await existing(entity));
  });

  it.each(ENTITIES)('%p has the primary key of its table', async (entity) => {
    const { schema, tableName, primaryColumns } = source.getMetadata(entity);
    const { rows } = await database.pool.query<{ name: string }>(
      `select a.attname as name from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
       where i.indisprimary and i.indrelid = $1::regclass`,
      [`${schema}.${tableName}`],
    );
    expect(primaryColumns.map(({ databaseName }) => databaseName)).toEqual(rows.map(({ name }) => name));
  });
});

const byName = (a: ColumnRow, b: ColumnRow): number => (a.name < b.name ? -1 : 1);
