const LETTERS = "[\\p{L}\\p{M}\\d'&.+-]*";
const MORE_WORDS = `(?: (?:&|[\\p{L}\\d]${LETTERS})){0,5}`;
const NAME = `(?:[Tt]he )?[\\p{L}\\d]${LETTERS}${MORE_WORDS}`;
const CAPITALISED = `(?:[Tt]he )?\\p{Lu}${LETTERS}${MORE_WORDS}`;
const STATED = new RegExp(
  "(?:\\b(?:my |our |the )?(?:company|business|firm|agency|shop|clinic|practice|store|startup|organi[sz]ation|employer)(?: name)?(?: is called| is named|'s called| called| named|'s| is|:)|" +
    "\\b(?:i|we) (?:currently )?work (?:at|for|with)|\\bworking (?:at|for)|\\bon behalf of|\\b(?:i'm|i am|im|we're|we are) with|\\b(?:i|we) (?:run|own|founded|started|lead)|" +
    '\\b(?:owner|founder|co-?founder|ceo|cto|coo|cfo|cmo|president|manager|head|director|partner|vp)(?: of (?:sales|marketing|operations|it|support|product))? (?:of|at|for)|' +
    "\\b(?:calling|texting|writing|messaging|reaching out) from|\\b(?:we're|we are) called)" +
    `\\s+(${NAME})`,
  'iu',
);
const PLACED = new RegExp(`^(?:\\S+ ){0,4}?(?:,\\s*)?(?:from|at|with|of) (${NAME})`, 'iu');
const AT = new RegExp(`\\b(?:at|from|with) (${CAPITALISED})`, 'u');
const AT_WORK = new RegExp(`\\bat (${CAPITALISED})`, 'u');
const WE_ARE = new RegExp(`\\b[Ww]e(?:'re| are) (${CAPITALISED})`, 'u');

// Where a company's name ends in running text.
const STOPS =
  /^(?:and|we|i|i'm|im|we're|who|but|in|on|at|about|based|looking|need|needs|want|wants|team|is|are|with|to|for|from|so|have|has|our|my|please|thanks|thx|that|which|where|because|or|as|here|there|how|what|do|does|can|could|around|over|roughly|approx|approximately|near|it|you|your|trying|interested|hoping|just|currently|btw|by|it's|of)$/i;
const NOT_COMPANIES = new Set(
  (
    'a an my your our home work school college university church lunch vacation holiday here there me you us them it this that what which the none no yes ok okay ' +
    'nothing skip pass maybe about around roughly like over only monday tuesday wednesday thursday friday now today tomorrow yesterday noon night looking going trying interested not just still very really sure ready happy so good fine great sorry done ' +
    'all someone anyone people customers clients patients users texts messages twilio hubspot salesforce slack zapier starter growth enterprise small big large medium ' +
    'chicago boston texas california florida york berlin london paris canada america usa europe ohio seattle denver accounting sales marketing support hr finance it legal purchasing procurement billing operations engineering miami dallas austin houston atlanta'
  ).split(' '),
);

/** A company that a sentence names: "from Acme", "I work at Blue Sky Dental", "our company is called X". */
export const readCompany = (text: string, introducedName: string | null): string | null => {
  const stated = STATED.exec(text)?.[1];
  if (stated) {
    const company = trimmed(stated);
    if (company) return company;
  }
  if (introducedName !== null) {
    const first = introducedName.split(' ')[0]!;
    const at = text.toLowerCase().indexOf(first.toLowerCase());
    const placed =
      at < 0
        ? null
        : PLACED.exec(
            text
              .slice(at + first.length)
              .trimStart()
              .replace(/^[,.]\s*/, ''),
          )?.[1];
    const anywhere = placed ?? AT.exec(text)?.[1];
    return anywhere ? trimmed(anywhere) : null;
  }
  const ours = WE_ARE.exec(text)?.[1] ?? (/^(?:i'm|i am|im|i|we're|we are|we)\b[^?]+$/i.test(text) ? AT_WORK.exec(text)?.[1] : undefined);
  return ours ? trimmed(ours) : null;
};

const COUNT_OF_PEOPLE =
  /^(?:(?:maybe|about|around|like|roughly|only|just|over) )*[\d,.k+-]+ (?:people|persons?|employees?|staff|of us|ppl|workers|folks)\b/i;
export const PRIVATE_PERSON = 'Private person';
const ALONE = /\b(?:self[- ]employed|freelanc\w*|sole (?:trader|proprietor)|just me|only me|myself|solo)\b/i;
const PRIVATE =
  /\b(?:no company|no business|not a (?:company|business)|personal use|individual|private person|don'?t have (?:a|one)|do not have (?:a|one)|not working|unemployed|retired|student)\b/i;

/** The answer to "which company are you with": a name, or that there is none. */
export const readCompanyAnswer = (text: string): { company: string; isAlone: boolean } | null => {
  if (ALONE.test(text)) return { company: 'Self-employed', isAlone: true };
  if (PRIVATE.test(text)) return { company: PRIVATE_PERSON, isAlone: false };
  const stated = readCompany(text, null);
  if (stated) return { company: stated, isAlone: false };
  const bare = text
    .replace(/^(?:(?:hi|hello|sure|ok|okay|yes|yeah|oh|well|just|um|hey)[,.!]?\s+)+/i, '')
    .replace(
      /^(?:it's|its|it is|i'm|im|i am|we're|we are|this is|i'm from|from|at|with|for|called|named|a company called|the company is)\s+/i,
      '',
    )
    .replace(/^(?:from|at|with|called|a company called)\s+/i, '');
  if (
    COUNT_OF_PEOPLE.test(bare) ||
    bare.split(' ').length > 8 ||
    /\b(?:is|are|was|were|will|would|don't|not|can|can't|just|very|really)\b/i.test(bare)
  )
    return null;
  const company = trimmed(bare);
  return company ? { company, isAlone: false } : null;
};

const trimmed = (candidate: string): string | null => {
  if (/https?:|[@<>{}\\=$%#*|?]|\d{7,}/.test(candidate)) return null;
  const kept: string[] = [];
  for (const word of candidate.split(/\s+/)) {
    if (kept.length > 0 && (STOPS.test(word) || /^\d+[\d,.k+-]*$/i.test(word))) break;
    kept.push(word.replace(/[,;:!()"]+$/, ''));
    if (/[,;:!()]$/.test(word) || (word.endsWith('.') && !/^(?:inc|ltd|llc|co|corp|st|dr|mr)\.$/i.test(word))) break;
    if (kept.length === 6) break;
  }
  const name = kept
    .join(' ')
    .replace(/[.'-]+$/, '')
    .replace(/\s(?:team|co)?$/, (end) => end.trimEnd());
  const first = kept[0]?.toLowerCase().replace(/[.']+$/, '') ?? '';
  const isName =
    /\p{L}/u.test(name) &&
    name.length <= 60 &&
    !STOPS.test(first) &&
    (!NOT_COMPANIES.has(first) || (first !== 'a' && kept.length > 1 && /^\p{Lu}/u.test(kept[1]!)));
  return isName ? capitalised(name) : null;
};

const capitalised = (name: string): string =>
  name === name.toLowerCase() ? name.replace(/(?:^|\s)\p{Ll}/gu, (c) => c.toUpperCase()) : name;
