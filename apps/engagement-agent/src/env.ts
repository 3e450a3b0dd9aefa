import { fileURLToPath } from 'node:url';
import { readEnv } from '@darkspere/platform';
import { z } from 'zod';

const EngagementAgentEnv = z
  .object({
    /** Any server that speaks OpenAI's chat completions. Only LLM_API_KEY and LLM_MODEL: OpenAI itself. */
    LLM_BASE_URL: z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }).optional(),
    LLM_API_KEY: z.string().min(1, 'must not be empty').optional(),
    /** Unset: the rules answer alone. */
    LLM_MODEL: z.string().min(1, 'must not be empty').optional(),
    /** What the agent knows and says, see knowledge/darkspere.json. Read at start. */
    KNOWLEDGE_FILE: z
      .string()
      .min(1, 'must not be empty')
      .default(fileURLToPath(new URL('../knowledge/darkspere.json', import.meta.url))),
  })
  .superRefine((env, context) => {
    const fault = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    if (env.LLM_BASE_URL !== undefined && env.LLM_MODEL === undefined) fault('LLM_MODEL', 'must be set when LLM_BASE_URL is');
    if (env.LLM_MODEL !== undefined && env.LLM_BASE_URL === undefined && env.LLM_API_KEY === undefined)
      fault('LLM_BASE_URL', 'must be set when LLM_MODEL is');
  });
export type EngagementAgentEnv = z.infer<typeof EngagementAgentEnv>;

export const readEngagementEnv = (source?: Record<string, string | undefined>): EngagementAgentEnv => readEnv(EngagementAgentEnv, source);
/** Injection token of the values above. */
export const ENGAGEMENT_ENV = Symbol('EngagementAgentEnv');
