import type { CompanySize } from './fields.js';

/** People at a company up to which a size word holds. The seed names the words, not the numbers. */
const LIMITS: readonly [number, CompanySize][] = [
  [19, 'Startup'],
  [199, 'SMB'],
  [999, 'Mid-Market'],
  [Infinity, 'Enterprise'],
];
export const sizeOf = (people: number): CompanySize => LIMITS.find(([limit]) => people <= limit)![1];

const NUMBER_WORDS: Readonly<Record<string, number>> = {
  one: 1,
  two: 2,
  three: 3,
  four: 4,
  five: 5,
  six: 6,
  seven: 7,
  eight: 8,
  nine: 9,
  ten: 10,
  eleven: 11,
  twelve: 12,
  fifteen: 15,
  sixteen: 16,
  twenty: 20,
  thirty: 30,
  forty: 40,
  fifty: 50,
  sixty: 60,
  seventy: 70,
  eighty: 80,
  ninety: 90,
  'a dozen': 12,
  dozens: 36,
  'a hundred': 100,
  'one hundred': 100,
  'two hundred': 200,
  'three hundred': 300,
  'five hundred': 500,
  'a couple hundred': 200,
  'a couple of hundred': 200,
  'couple hundred': 200,
  'a few hundred': 300,
  'few hundred': 300,
  hundreds: 300,
  'a thousand': 1_000,
  'one thousand': 1_000,
  'a few thousand': 3_000,
  'few thousand': 3_000,
  thousands: 3_000,
  'a handful': 5,
  handful: 5,
  'a couple': 2,
  couple: 2,
  'a few': 4,
};
const SPELLED = Object.keys(NUMBER_WORDS)
  .sort((a, b) => b.length - a.length)
  .join('|');
const DIGITS = '\\d{1,3}(?:,\\d{3})+|\\d+(?:\\.\\d+)?';
const COUNT = `(?:(${DIGITS})\\s*(k)?|\\b(${SPELLED})\\b)`;
const RANGE = `${COUNT}\\+?(?:\\s*(?:-|to|or)\\s*${COUNT})?\\+?`;
const STAFF =
  '(?:people|persons?|employees?|staff|workers?|folks|team ?members?|members|colleagues|of us|headcount|instructors?|teachers?|doctors?|nurses|drivers?|reps?|technicians?|attorneys?|developers?|engineers?|consultants?|stylists?|salespeople|ppl|emps|fte?s?|souls|strong)';
const BARE = new RegExp(RANGE, 'i');
const STATED = new RegExp(`${RANGE}\\s+(?:(?!texts|messages)[a-z-]+\\s+){0,1}?${STAFF}\\b`, 'i');
const PERSON_TEAM = new RegExp(
  `${COUNT}[\\s-](?:person|people|man|employee) (?:team|company|business|shop|firm|startup|agency|clinic)`,
  'i',
);
const LED = new RegExp(
  `\\b(?:team|staff|company|firm|business|crew|group|headcount|size) (?:size )?(?:of|is|:)?\\s*(?:about |around |roughly |approximately |over |~)?${RANGE}(?!\\s*(?:texts|messages|years))\\b`,
  'i',
);
const ALONE =
  /\b(?:just me|only me|it is me|i'm alone|i am alone|by myself|just myself|solo|one[- ]man|one[- ]person|one[- ]woman|me, myself|self[- ]employed|freelancer)\b/i;
const PAIR =
  /\b(?:me and my (?:wife|husband|partner|brother|sister|friend|co-?founder)|my (?:wife|husband|partner) and (?:i|me)|the two of us)\b/i;
const ABOUT_US = /\b(?:we|we're|our|i|i'm|my|us)\b/i;
const KINDS: readonly [RegExp, CompanySize][] = [
  [/\b(?:startup|start-up|start up)\b/i, 'Startup'],
  [/\b(?:fortune \d+|enterprise|multinational|corporation|very large|huge|large|big)\b/i, 'Enterprise'],
  [/\b(?:mid-?market|mid-?sized?|medium(?:-?sized?)?|midsize)\b/i, 'Mid-Market'],
  [/\b(?:smb|sme|small|tiny|family|mom and pop|local)\b/i, 'SMB'],
];
const KIND_STATED =
  /\b(?:we're|we are|i'm|i am|we run|i run|i own|we have|i have|our company is|it's|it is) (?:just |only |still |actually |pretty |quite )?(?:an? |the )?(?:very |really |pretty |quite )?(?:\w+ )?(startup|start-up|start up|enterprise(?: company| business)?$|multinational|corporation|(?:large|big|huge|mid-?sized?|midsize|medium|medium-?sized|mid-?market|small|tiny|family)(?:[ -]\w+)? (?:company|business|shop|firm|team|enterprise|agency|clinic|practice|store|corporation|org|organization))\b/i;

/** A company size that a sentence states: "200 people", "we're a small business", "team of twelve". */
export const readSize = (text: string, isQuestion: boolean): CompanySize | null => {
  const kind = KIND_STATED.exec(text)?.[1];
  // "Can 200 people text at once?" counts texters, "we are 200 people, is that fine?" counts us.
  const counted =
    isQuestion &&
    !/^(?:and |what about |or )?(?:for|with) |\b(?:we're|we are|we have|i have|there are|team of|staff of|company of|our)\b/i.test(text)
      ? null
      : peopleIn(text);
  if (counted !== null) return sizeOf(counted);
  if (ALONE.test(text) && !isQuestion) return 'Startup';
  if (PAIR.test(text)) return 'Startup';
  if (isQuestion && !ABOUT_US.test(text)) return null;
  return kind ? kindOf(kind) : null;
};

/** The answer to "how many people": a bare number or word will do. */
export const readSizeAnswer = (text: string): CompanySize | null => {
  const stated = /^(?:just |only |it's |its )*(?:me|myself)[.!]*$/i.test(text) ? 'Startup' : readSize(text, false);
  if (stated) return stated;
  if (/[$\u20ac\u00a3%]|\d{7,}|\d[ -]\d{3}[ -]\d|\b(?:texts?|messages?|sms|per month|a month)\b/i.test(text) || text.length > 80)
    return null;
  const people = countOf(BARE.exec(text));
  if (people !== null && people > 0) return sizeOf(people);
  // "and enterprise?" asks for a plan.
  return /^(?:and|or|what about|how about)\b/i.test(text) ? null : kindOf(text);
};

const kindOf = (text: string): CompanySize | null => KINDS.find(([pattern]) => pattern.test(text))?.[1] ?? null;

const peopleIn = (text: string): number | null => {
  const people = countOf(STATED.exec(text)) ?? countOf(PERSON_TEAM.exec(text)) ?? countOf(LED.exec(text));
  return people !== null && people > 0 && people <= 5_000_000 ? people : null;
};

const countOf = (match: RegExpExecArray | null): number | null => {
  if (!match) return null;
  const counts = [match.slice(1, 4), match.slice(4, 7)].flatMap(([digits, k, spelled]) => {
    if (digits !== undefined) return [Number(digits.replaceAll(',', '')) * (k ? 1_000 : 1)];
    return spelled === undefined ? [] : [NUMBER_WORDS[spelled.toLowerCase()]!];
  });
  return counts.length === 0 ? null : Math.round(counts.reduce((sum, count) => sum + count, 0) / counts.length);
};
