import type { Industry } from './fields.js';

const WORDS: readonly [Industry, RegExp][] = [
  [
    'Healthcare',
    /\b(?:clinic|dental|dentist|hospital|medical|patients?|pharmacy|healthcare|health care|doctors?|therapy|nursing|veterinary|optometrist)\b/,
  ],
  [
    'Finance',
    /\b(?:bank|banking|insurance|mortgage|accounting|accountants?|credit union|fintech|lender|lending|wealth|finance|financial|tax firm|brokerage)\b/,
  ],
  ['Manufacturing', /\b(?:factory|manufactur\w+|machine shop|foundry|assembly line|industrial|fabrication)\b/],
  ['Technology', /\b(?:software|saas|tech|technology|it services|app developers?|web agency|cybersecurity|hosting)\b/],
];
const ABOUT_US = /\b(?:we|our|us|my|i)\b/;

/** The industry that somebody mentions while speaking of themselves, or that is in their company's name. */
export const readIndustry = (plain: string, company: string | null): Industry | null => {
  const about = ABOUT_US.test(plain) || company !== null ? plain : '';
  return WORDS.find(([, pattern]) => pattern.test(about))?.[0] ?? null;
};
