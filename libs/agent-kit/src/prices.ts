interface Prices {
  facts: readonly string[];
  pricedNames: readonly string[];
  rulesReply: string;
}

const MONEY_WORD = '(?:dollars?|bucks|usd|eur|euros?|gbp|pounds?|cents?)';
const AMOUNT = new RegExp(
  `[$\\u20ac\\u00a3]\\s*(\\d[\\d,]*(?:\\.\\d+)?)(\\s*k\\b)?|(\\d[\\d,]*(?:\\.\\d+)?)(\\s*k)?\\s*(?:%|percent\\b|${MONEY_WORD}\\b)|\\b(?:usd|eur|gbp)\\s*(\\d[\\d,]*(?:\\.\\d+)?)`,
  'gi',
);
const SPELLED = new RegExp(
  `\\b(?!\\d)[a-z]+[\\s-]+${MONEY_WORD}\\b|\\b(?:half|double) (?:the )?price\\b|\\bhalf off\\b|\\bpercent off\\b|\\bcosts? nothing\\b`,
  'gi',
);

/**
 * True when a text states an amount that no fact states, or states it of the wrong thing ("Enterprise is $49"). An
 * amount beside no name must be in what the rules would say, if they speak of amounts at all.
 */
export const inventsPrice = (text: string, { facts, pricedNames, rulesReply }: Prices): boolean => {
  const known = facts.flatMap(clauses).map((clause) => ({ names: namesIn(clause, pricedNames), amounts: amountsIn(clause) }));
  const all = new Set(known.flatMap((fact) => fact.amounts));
  const expected = amountsIn(rulesReply);
  const nameless = expected.length > 0 ? new Set(expected) : all;
  if ((text.match(SPELLED) ?? []).some((spelled) => !facts.some((f) => f.toLowerCase().includes(spelled.toLowerCase())))) return true;
  return clauses(text).some((clause) => {
    const names = namesIn(clause, pricedNames);
    return amountsIn(clause).some((amount) =>
      names.length > 0
        ? !known.some((fact) => fact.amounts.includes(amount) && fact.names.some((name) => names.includes(name)))
        : !nameless.has(amount),
    );
  });
};

const clauses = (text: string): string[] => text.split(/[.!;:\n](?=\s|$)|,\s|\s(?:and|but|while|or|versus|vs)\s/i);

const namesIn = (clause: string, names: readonly string[]): string[] =>
  names.filter((name) => new RegExp(`\\b${name.replace(/[^\p{L}\p{N}]/gu, '\\$&')}\\b`, 'iu').test(clause));

const amountsIn = (text: string): number[] =>
  [...text.matchAll(AMOUNT)].map(([, sign, signK, word, wordK, code]) => {
    const value = Number((sign ?? word ?? code ?? '').replaceAll(',', ''));
    return signK || wordK ? value * 1_000 : value;
  });
