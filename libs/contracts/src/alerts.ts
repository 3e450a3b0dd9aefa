import { z } from 'zod';
import { broadcast } from './contract.js';

/** An alert row was written by `analytics.raise_alert`; whoever shows or forwards alerts reads it by id. */
export const alertRaised = broadcast({
  name: 'alert.raised',
  payload: z.object({ alertId: z.uuid(), kind: z.string(), severity: z.enum(['info', 'warning', 'critical']) }),
});
