import type { ModuleMetadata } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { createAdapter } from './bootstrap.js';
import { ProblemFilter } from './problem.filter.js';
import { validationPipe } from './validation.js';

/** An app with the HTTP side that every app has, to be asked through `inject`. */
export const serve = async (parts: ModuleMetadata): Promise<NestFastifyApplication> => {
  const module = await Test.createTestingModule({
    ...parts,
    providers: [{ provide: APP_FILTER, useClass: ProblemFilter }, ...(parts.providers ?? [])],
  }).compile();
  const app = module.createNestApplication<NestFastifyApplication>(createAdapter(), { logger: false });
  app.useGlobalPipes(validationPipe());
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
};
