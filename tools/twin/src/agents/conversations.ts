/** A conversation as an agent remembers it: how many turns it has answered, and what it said last, by key. */
interface Conversation {
  turns: number;
  answers: Map<string, Answer>;
}

export interface Answer {
  message: string;
  turn: number;
}

const MAX_CONVERSATIONS = 50_000;
const MAX_ANSWERS = 16;

export class Conversations {
  readonly #conversations = new Map<string, Conversation>();

  /** Counts a turn and words its answer. With a `key` the same call again gets the same answer and counts once. */
  answer(id: string, key: string | null, word: (turn: number) => string): Answer {
    const conversation = this.#find(id);
    const known = key === null ? undefined : conversation.answers.get(key);
    if (known) return known;
    conversation.turns += 1;
    const answer = { message: word(conversation.turns), turn: conversation.turns };
    if (key !== null) this.#remember(conversation, key, answer);
    return answer;
  }

  end(id: string): void {
    this.#conversations.delete(id);
  }

  #find(id: string): Conversation {
    const conversation = this.#conversations.get(id) ?? { turns: 0, answers: new Map() };
    // Last in the map is last used; the one that was used longest ago leaves first.
    this.#conversations.delete(id);
    this.#conversations.set(id, conversation);
    if (this.#conversations.size > MAX_CONVERSATIONS) this.end(this.#conversations.keys().next().value as string);
    return conversation;
  }

  #remember({ answers }: Conversation, key: string, answer: Answer): void {
    answers.set(key, answer);
    if (answers.size > MAX_ANSWERS) answers.delete(answers.keys().next().value as string);
  }
}
