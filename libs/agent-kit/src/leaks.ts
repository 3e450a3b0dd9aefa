const WINDOW = 24;
const TALK_OF_IT =
  /system prompt|my (?:system )?(?:instructions|prompt)|i (?:was|am|have been) (?:instructed|told|prompted)|<\|?\/?(?:system|im_start|im_end|assistant|user)\b|\[\/?INST\]/i;

/**
 * True when a text gives away instructions: it talks of them, or repeats 24 letters of them in a row. Only letters and
 * digits are compared, so that spaces, dots or line breaks between them hide nothing.
 */
export const leaks = (text: string, secret: string): boolean => {
  if (TALK_OF_IT.test(text)) return true;
  const said = letters(text);
  const kept = letters(secret);
  for (let at = 0; at + WINDOW <= said.length; at += 1) if (kept.includes(said.slice(at, at + WINDOW))) return true;
  return false;
};

const letters = (text: string): string =>
  text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
