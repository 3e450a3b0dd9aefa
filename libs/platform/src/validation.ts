import { StandardSchemaValidationPipe } from '@nestjs/common';
import { DomainError } from '@darkspere/domain';

/** Bad input becomes one `invalid_request` that names each field. */
export const validationPipe = (): StandardSchemaValidationPipe =>
  new StandardSchemaValidationPipe({
    exceptionFactory: (issues) =>
      new DomainError(
        'invalid_request',
        'Some fields are missing or wrong.',
        issues.slice(0, 50).map((issue) => ({
          field: (issue.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step)).join('.') || '(body)',
          message: issue.message,
        })),
      ),
  });
