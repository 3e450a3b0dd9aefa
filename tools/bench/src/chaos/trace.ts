import type { Evidence } from './evidence.js';

/** Everything that is known of a text, in order of time, to find out what went wrong with it. */
export const traceOf = (sid: string, { sent, log, inbox, texts, answers, turns, happened }: Evidence): object => {
  const text = sent.find((one) => one.sid === sid);
  const stored = texts.find(({ message_sid }) => message_sid === sid);
  const from = log.find((event) => event.sid === sid)?.at ?? 0;
  const received = inbox.filter(
    (message) =>
      message.to === text?.phone && (message.in_reply_to_sid === sid || text.markers.some((marker) => message.body.includes(marker))),
  );
  const until = Math.max(from + 20_000, ...received.map(({ at }) => at));
  const turn = turns.filter(({ message_ids }) => stored && message_ids.includes(stored.id));
  return {
    text,
    carrier: log
      .filter((event) => event.sid === sid || received.some((message) => message.sid === event.sid))
      .map((event) => ({ ...event, at: clock(event.at) })),
    received: received.map((message) => ({ ...message, at: clock(message.at) })),
    stored,
    turns: turn,
    answers: answers.filter(({ turn_id }) => turn.some(({ id }) => id === turn_id)),
    meanwhile: happened
      .filter(({ at, until: end }) => at <= until && (end ?? Infinity) >= from - 5_000)
      .map((one) => ({ ...one, runningTexts: undefined, at: clock(one.at), until: one.until && clock(one.until) })),
  };
};

const clock = (at: number): string => new Date(at).toISOString().slice(11, 23);
