import type { Field } from './fields.js';
import { readCompany, readCompanyAnswer } from './read-company.js';
import { readIndustry } from './read-industry.js';
import { readName, readNameAnswer } from './read-name.js';
import { readNeed, readNeedAnswer } from './read-need.js';
import { readSize, readSizeAnswer } from './read-size.js';
import type { Sentence } from './sentences.js';
import type { Profile } from './state.js';

/** What a sentence says about the person, asked for or not. */
export const readProfile = ({ text, plain, isQuestion }: Sentence): Profile => {
  const name = readName(text);
  const company = readCompany(text, name);
  return defined({
    name,
    company,
    company_size: readSize(text, isQuestion),
    need: isQuestion ? null : readNeed(text),
    industry: readIndustry(plain, company),
  });
};

/** What a sentence says as the answer to the question for one field. */
export const readAnswer = (field: Field, { text, plain }: Sentence): Profile => {
  switch (field) {
    case 'name': {
      const name = readNameAnswer(text);
      return defined({ name, company: name && (readCompany(text, name) ?? null) });
    }
    case 'company': {
      const answer = readCompanyAnswer(text);
      return defined({
        company: answer?.company ?? null,
        company_size: readSize(text, false) ?? (answer?.isAlone ? 'Startup' : null),
        industry: answer && readIndustry(plain, answer.company),
      });
    }
    case 'company_size':
      return defined({ company_size: readSizeAnswer(text) });
    case 'need':
      return defined({ need: readNeedAnswer(text), industry: readIndustry(plain, null) });
    default:
      return field satisfies never;
  }
};

const defined = (found: { [K in keyof Profile]: Profile[K] | null }): Profile =>
  Object.fromEntries(Object.entries(found).filter(([, value]) => value != null));
