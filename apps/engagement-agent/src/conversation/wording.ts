import type { Field } from './fields.js';

/** Fixed sentences, at least two of each, so that none has to be said twice in a row. GSM-7, and short. */
export const QUESTIONS: Readonly<Record<Field, readonly string[]>> = {
  name: ['What is your name?', 'Who am I texting with?'],
  company: ['Which company are you with?', 'What is your company called?'],
  company_size: ['About how many people work at your company?', 'Roughly how many people are in your company?'],
  need: ['What would you like to use it for?', 'What should the texts do for you?'],
};

export const ACKS = {
  named: (name: string) => [`Thanks, ${name}.`, `Nice to meet you, ${name}.`],
  noted: ['Got it.', 'Thanks, noted.'],
  declined: ['No problem.', 'That is fine.'],
  welcome: ['You are welcome.', 'My pleasure.'],
  greeting: ['Hi again.', 'Hello.'],
  nod: ['Great.', 'Good.'],
  bye: ['Take care.', 'Goodbye.'],
} as const;

export const NOTES = {
  invite: (scope: string) => [`Ask me about ${scope}.`, `I can tell you about ${scope}.`, `My subjects are ${scope}.`],
  anytime: ['Text me any time.', 'I am here whenever you need me.'],
  openEnd: ['Ask me anything else about DarkSpere.', 'If you have a question, just text it.'],
  unclear: (scope: string) => [
    `I am not sure what you mean. Ask me about ${scope}.`,
    `I did not quite get that. I know about ${scope}.`,
    `Sorry, that one passed me by. Try asking about ${scope}.`,
  ],
  unknown: (scope: string) => [
    `I do not have an answer to that yet. I know about ${scope}; other words may help.`,
    `That one I cannot answer. Try other words, or ask about ${scope}.`,
  ],
  notHelped: [
    'Sorry about that. Please put it in other words, or ask for a person.',
    'I am sorry that I missed your point. Try other words, or say person.',
  ],
  passedOn: ['Noted for my colleague.', 'I have noted that for our team.'],
  unknownToo: ['To the rest of your question I have no answer.', 'Part of your question I cannot answer.'],
  unknownAgain: ['That is more than I know.', 'I have no good answer to that.'],
  complete: ['That is all I need.', 'Now I have everything.'],
  sorry: ['I am sorry about that.', 'I am sorry, that should not happen.'],
  why: [
    'It only helps the right colleague to help you; say skip if you prefer.',
    'So that the right person can answer you. You can say skip.',
  ],
  scopeOnly: (scope: string) => [`I can only help with ${scope}.`, `I stay with ${scope}.`],
  noMore: [
    'That is all I have on this by text; ask for a person to hear more.',
    'I have nothing to add by text; a colleague can tell you more if you ask for a person.',
  ],
  secret: [
    'Please do not send card or ID numbers by text. I have not used yours.',
    'Card and ID numbers should not be texted; please delete that text. I have not used it.',
  ],
  danger: [
    'If you are in danger please call 911 now; in the US you can call or text 988 for a crisis line. I am an AI and cannot help in an emergency.',
    'Please call 911, or 988 for a crisis line, right away. I am only an AI and cannot send help.',
  ],
  optOut: ['To end these texts reply STOP; it works at once.', 'Reply STOP and the texts end at once.'],
  noQuestions: ['Understood, no more questions from me.', 'Fine, I will not ask anything more.'],
} as const;
