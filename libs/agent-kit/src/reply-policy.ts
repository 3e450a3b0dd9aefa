import { inventsPrice } from './prices.js';
import { leaks } from './leaks.js';

/** What a model may say. Everything here is decided before the model is asked, none of it by the model. */
export interface ReplyPolicy {
  maxChars: number;
  /** Its instructions: must not come out, not even in part. The facts it may quote are not among them. */
  secret: string;
  /** What is true and public: prices, links, addresses and phone numbers come from here or not at all. */
  facts: readonly string[];
  /** Names that a price belongs to, such as plans: a price beside a name must be beside it in a fact too. */
  pricedNames: readonly string[];
  /** What the rules would say: what costs nothing, is refunded or is promised is said here or not at all. */
  rulesReply: string;
}

export type Refusal = 'too_long' | 'leak' | 'price' | 'contact' | 'commitment' | 'opt_out_claim' | 'question';

const CONTACTS =
  /(?:https?:\/\/|www\.)\S+|\S+@\S+\.\S+|\b[a-z0-9-]+\.(?:com|net|org|io|ai|co|app|dev|link|ly|me|info|biz|xyz|ru)\b\S*|\+?\d[\d\s().-]{6,}\d/gi;
const COMMITMENT =
  /\b(?:free|gratis|complimentary|no (?:charge|cost|fee)|discount\w*|refund\w*|guarantee\w*|promise\w*|waive\w*|coupon|voucher|promo)\b/gi;
const OPT_OUT_CLAIM =
  /\b(?:unsubscribed|opted[\s-]*(?:you[\s-]*)?(?:out|in|back)|resubscribed|removed (?:you|your number)|blocked your number)\b/i;

/** Why a model's text must not be sent, or null. */
export const refusalOf = (text: string, policy: ReplyPolicy): Refusal | null => {
  if (text.length > policy.maxChars) return 'too_long';
  if (leaks(text, policy.secret)) return 'leak';
  // The question at the end of a reply is the rules': a model's own could ask for what must not be asked.
  if (/[?\u061f\uff1f]/.test(text)) return 'question';
  if (OPT_OUT_CLAIM.test(text)) return 'opt_out_claim';
  const facts = policy.facts.join('\n').toLowerCase();
  if (matches(text, CONTACTS).some((contact) => !facts.includes(contact.replace(/[.,;:!)]+$/, '')))) return 'contact';
  const rules = policy.rulesReply.toLowerCase();
  if (matches(text, COMMITMENT).some((word) => !rules.includes(word))) return 'commitment';
  return inventsPrice(text, policy) ? 'price' : null;
};

const matches = (text: string, pattern: RegExp): string[] => (text.match(pattern) ?? []).map((m) => m.toLowerCase());
