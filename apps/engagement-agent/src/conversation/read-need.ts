const STATED =
  /\b(?:(?:we|i)(?:'d| would)?(?: really| just| also| currently)? (?:need|want|like|hope|plan|wish)|(?:we|i)(?:'re| are|'m| am)?(?: currently)? (?:looking|trying|hoping|planning)|im (?:looking|trying|hoping)|looking|interested in|need help|help us|help me|(?:and|but|also) (?:need|want)|our goal is|we'd use it|we would use it|i'd use it|to be used)\b(?: (?:to|for|with|something|a way|us))*\s+(.{4,})/i;
// What is wanted from this conversation, not from the product.
const ABOUT_TALK =
  /^(?:to )?(?:know|ask|see|understand|talk|speak|chat|cancel|stop|hear|find out|learn|buy|purchase|try|test|sign|order|start|begin|get started|unsubscribe|leave|end|quit|be left|be removed|opt|opt out|say|tell|share|give|pay|an answer|my answer|answers|check|discuss|negotiate|use (?:it|this|you)|do (?:it|that|this)|change|upgrade|downgrade|(?:(?:a|an|the|my|some|your|more|any|custom|special|better|real|free|new) )*(?:quote|demo|price|prices|pricing|refund|discount|call|human|person|representative|manager|info|information|details|help|number|plan|plans|trial|credit card|card|money|deal|cost|costs|rep|link|website|document|invoice|contract))\b/i;

/** What somebody needs, in their own words: "we need appointment reminders for patients". */
export const readNeed = (text: string): string | null => {
  const rest = STATED.exec(text)?.[1];
  return rest && !ABOUT_TALK.test(rest) && /\p{L}{3,}/u.test(rest) ? needText(text) : null;
};

/** The answer to "what would you use it for": nearly anything that is not a question. */
export const readNeedAnswer = (text: string): string | null =>
  !NOT_A_NEED.test(text) && (text.match(/\p{L}{2,}/gu) ?? []).filter((word) => !SAYS_NOTHING.test(word)).join('').length >= 4
    ? needText(text)
    : null;
const NOT_A_NEED =
  /^(?:(?:i|we) (?:never|did ?n[o']t|do ?n[o']t|am not|have not|can ?n[o']t|already)|i'm not|(?:this|that|you|your|he|she|there)\b)/i;
const SAYS_NOTHING =
  /^(?:help|me|please|need|want|you|us|it|something|anything|everything|stuff|things?|idk|dunno|whatever|maybe|just|hello|hi|lol)$/i;

/** One short line without numbers that could be a phone, card or account. */
export const needText = (text: string): string =>
  text
    .slice(0, 400)
    .replace(/\S+@\S+|https?:\S+/g, '...')
    .replace(/\+?\d[\d\s().-]{5,}\d/g, '...')
    .replace(/[\p{Cc}<>{}]/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 160)
    .trim();
