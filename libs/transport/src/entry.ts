import { isReplyChannel } from './keys.js';

/** A stream entry as Redis hands it out: field names and values in turn. */
export interface Delivery {
  readonly id: string;
  readonly fields: readonly string[];
  /** How often it was handed out, this time included. */
  readonly deliveries: number;
}

export interface RequestHead {
  readonly id: string;
  readonly replyTo: string;
  /** Epoch milliseconds (the caller's clock); later than this nobody waits for the answer. */
  readonly deadline: number;
}

/** What a stream entry says. An event has no `request`. */
export interface Entry {
  readonly pattern: string;
  readonly data: unknown;
  readonly traceparent?: string;
  readonly request?: RequestHead;
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Fields of an entry: `p` pattern, `d` JSON, `t` traceparent and, for requests, `id`, `r` reply channel, `x` deadline. */
export const writeEntry = ({ pattern, data, traceparent, request }: Entry): string[] => {
  const fields = ['p', pattern, 'd', JSON.stringify(data ?? null)];
  if (traceparent) fields.push('t', traceparent);
  if (request) fields.push('id', request.id, 'r', request.replyTo, 'x', String(request.deadline));
  return fields;
};

/** Fields by name; of a name that comes twice the last one counts. */
export const fieldMap = (fields: readonly string[]): Map<string, string> => {
  const map = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) map.set(fields[i]!, fields[i + 1]!);
  return map;
};

/** Reads what anyone may have written to the stream; undefined when it is not an entry of ours. */
export const readEntry = (fields: readonly string[]): Entry | undefined => {
  const map = fieldMap(fields);
  const pattern = map.get('p');
  const json = map.get('d');
  if (!pattern || json === undefined) return undefined;
  const request = readRequest(map);
  if (request === 'broken') return undefined;
  const traceparent = map.get('t');
  try {
    return {
      pattern,
      data: JSON.parse(json),
      ...(traceparent && TRACEPARENT.test(traceparent) && { traceparent }),
      ...(request && { request }),
    };
  } catch {
    return undefined;
  }
};

const readRequest = (map: Map<string, string>): RequestHead | 'broken' | undefined => {
  const [id, replyTo, deadline] = [map.get('id'), map.get('r'), map.get('x')];
  if (id === undefined && replyTo === undefined && deadline === undefined) return undefined;
  if (!id || !isReplyChannel(replyTo) || !deadline || !Number.isFinite(Number(deadline))) return 'broken';
  return { id, replyTo, deadline: Number(deadline) };
};
