import { DomainError } from '@darkspere/domain';
import type { z } from 'zod';

/** What is wrong with a value, without the value. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

/** The parsed value. Throws DomainError `invalid_request` with the faults as details. */
export const parseInput = (schema: z.ZodType, value: unknown, name: string): unknown => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new DomainError('invalid_request', `The input of ${name} is not valid`, faultsOf(result.error));
};

/** The parsed value, without undeclared fields. Throws an Error: a handler that breaks its contract is a bug. */
export const parseOutput = (schema: z.ZodType, value: unknown, name: string): unknown => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = faultsOf(result.error).map(({ path, message }) => `${path || 'value'}: ${message}`);
  throw new Error(`${name} answered against its contract (${faults.join('; ')})`);
};

const faultsOf = (error: z.ZodError): Fault[] => error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
