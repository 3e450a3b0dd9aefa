import { SCOPES } from '@darkspere/domain';
import { z } from 'zod';
import { Label } from '../request.schemas.js';

export const CreateApiKey = z.object({
  label: Label(200),
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .max(SCOPES.length)
    .transform((scopes) => [...new Set(scopes)]),
  expires_in_days: z.int().min(1).max(3_650).default(90),
  requests_per_minute: z.int().min(1).max(1_000_000).default(100),
});
export type CreateApiKey = z.infer<typeof CreateApiKey>;
