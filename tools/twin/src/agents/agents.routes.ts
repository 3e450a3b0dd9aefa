import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { AgentControl } from './agent-control.js';
import type { CallLog } from './call-log.js';

const After = z.object({ after: z.coerce.number().int().min(0).default(0) });

/** What a test may ask of, and do to, the sample agents. */
export const agentsRoutes =
  ({ calls, control }: { calls: CallLog; control: AgentControl }) =>
  async (app: FastifyInstance): Promise<void> => {
    app.get('/agents/calls', async (request) => ({ calls: calls.after(After.parse(request.query).after), last_seq: calls.lastSeq }));

    app.delete('/agents/calls', async (_, reply) => {
      calls.clear();
      return reply.code(204).send();
    });

    app.get('/agents/control', async () => control.all());

    app.put('/agents/control', async (request) => control.set((request.body ?? {}) as object));
  };
