import { readFileSync } from 'node:fs';
import { Knowledge } from './knowledge.js';
import { indexOf, type KnowledgeIndex } from './knowledge-index.js';

/** Reads and checks the knowledge file once, at start. Throws one error that lists every fault with its place. */
export const loadKnowledge = (path: string): KnowledgeIndex => indexOf(parseKnowledge(readJson(path), path));

export const parseKnowledge = (content: unknown, path: string): Knowledge => {
  const parsed = Knowledge.safeParse(content);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `- ${placeOf(issue.path, content)}: ${issue.message}`);
  throw new Error(`The knowledge file ${path} has ${faults.length} fault(s):\n${faults.join('\n')}`);
};

const readJson = (path: string): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`The knowledge file ${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
};

/** `topics.3.say.0` is hard to find in a file: topics are named by their id. */
const placeOf = (path: readonly PropertyKey[], content: unknown): string =>
  path
    .map((key, i) => {
      const topic = i === 1 && path[0] === 'topics' ? (content as { topics?: { id?: unknown }[] }).topics?.[Number(key)]?.id : undefined;
      return typeof topic === 'string' ? topic : String(key);
    })
    .join('.') || 'file';
