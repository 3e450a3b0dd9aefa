import { Test } from '@nestjs/testing';
import { Sql } from '@darkspere/database';
import { AGENT_MODEL, ConversationService, KNOWLEDGE } from '../conversation/conversation.service.js';
import { knowledge } from '../conversation/talk.fixture.js';
import { TurnsController } from './turns.controller.js';
import { TurnsRepository } from './turns.repository.js';
import { TurnsService } from './turns.service.js';

const turnId = '0198f0a0-0000-7000-8000-000000000001';
const context = {
  turn_id: turnId,
  session_id: '0198f0a0-0000-7000-8000-000000000002',
  message: 'how much is growth?',
  message_ids: ['0198f0a0-0000-7000-8000-000000000003'],
  history: [],
  session_state: {},
  first_contact: true,
};

/** The two published functions, and what was stored through them. */
class FakeSql {
  context: unknown = context;
  readonly stored: unknown[][] = [];

  value(name: string, args: unknown[]): Promise<unknown> {
    if (name === 'routing.turn_context') return Promise.resolve(this.context);
    if (name !== 'routing.store_draft') throw new Error(`unexpected ${name}`);
    this.stored.push(args);
    return Promise.resolve(true);
  }
}

describe('TurnsController', () => {
  let sql: FakeSql;
  let controller: TurnsController;
  let modelCalls: number;
  const start = async (hasModel: boolean) => {
    const model = {
      complete: () => Promise.resolve({ text: `Growth is $199 a month, take ${(modelCalls += 1)}.`, model: 'm', usage: null }),
    };
    const module = await Test.createTestingModule({
      controllers: [TurnsController],
      providers: [
        TurnsService,
        TurnsRepository,
        ConversationService,
        { provide: Sql, useValue: sql },
        { provide: KNOWLEDGE, useValue: knowledge },
        { provide: AGENT_MODEL, useValue: hasModel ? { model, circuit: { run: (action: () => unknown) => action() } } : null },
      ],
    }).compile();
    controller = module.get(TurnsController);
  };

  beforeEach(() => {
    modelCalls = 0;
    sql = new FakeSql();
  });

  it('stores a draft for a running turn', async () => {
    await start(false);
    expect(await controller.answer({ turnId })).toEqual({ turnId });
    const [[id, reply, state, metadata]] = sql.stored as [[string, string, string, string]];
    expect(id).toBe(turnId);
    expect(reply).toContain('Growth is $199 a month');
    expect(JSON.parse(state)).toMatchObject({ engagement: { isIntroduced: true, topics: ['growth'] } });
    expect(JSON.parse(metadata)).toEqual({ by: 'rules', reasons: ['answers', 'introduced', 'topic:growth', 'asked:company_size'] });
  });

  it('has nothing to do for a turn that is over', async () => {
    await start(false);
    sql.context = null;
    expect(await controller.answer({ turnId })).toEqual({ turnId });
    expect(sql.stored).toEqual([]);
  });

  it('stores the same draft when the same turn is asked twice, also at the same time', async () => {
    await start(true);
    await Promise.all([controller.answer({ turnId }), controller.answer({ turnId })]);
    await controller.answer({ turnId });
    expect(sql.stored).toHaveLength(3);
    expect(new Set(sql.stored.map((args) => JSON.stringify(args))).size).toBe(1);
    expect(modelCalls).toBe(1);
  });

  it('answers anew when a text has joined the turn', async () => {
    await start(true);
    await controller.answer({ turnId });
    sql.context = {
      ...context,
      message: 'how much is growth?\nand starter?',
      message_ids: [...context.message_ids, '0198f0a0-0000-7000-8000-000000000004'],
    };
    await controller.answer({ turnId });
    expect(modelCalls).toBe(2);
  });

  it('bears texts and history whose words were erased', async () => {
    await start(false);
    sql.context = {
      ...context,
      message: null,
      history: [{ role: 'user', content: null, timestamp: '2026-11-21T00:00:00Z' }],
      session_state: null,
    };
    await controller.answer({ turnId });
    expect(sql.stored[0]![1]).toContain('AI assistant');
  });
});
