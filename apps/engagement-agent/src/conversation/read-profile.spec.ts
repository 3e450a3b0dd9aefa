import { readAnswer, readProfile } from './read-profile.js';
import { readSentences } from './sentences.js';
import type { Field } from './fields.js';
import type { Profile } from './state.js';

const told = (text: string): Profile => Object.assign({}, ...readSentences(text).map(readProfile)) as Profile;
const answered = (field: Field, text: string): Profile => readAnswer(field, readSentences(text)[0]!);

describe('what a text tells about a person', () => {
  it.each<[string, Profile]>([
    ['I am Ana from Acme, 200 people', { name: 'Ana', company: 'Acme', company_size: 'Mid-Market' }],
    ["i'm ana from acme", { name: 'Ana', company: 'Acme' }],
    ['I AM ANA FROM ACME', { name: 'Ana', company: 'ACME' }],
    ['Hi, Maria de la Cruz here from Blue Sky', { name: 'Maria de la Cruz', company: 'Blue Sky' }],
    ['Hey this is Dave with Smith & Co.', { name: 'Dave', company: 'Smith & Co' }],
    ["my name's o'brien", { name: "O'brien" }],
    ['call me Max', { name: 'Max' }],
    ['I work at Joe’s Garage in Ohio', { company: "Joe's Garage" }],
    ['Our company is called Blue Ocean Labs and we have 30 staff', { company: 'Blue Ocean Labs', company_size: 'SMB' }],
    ["I'm the owner of Joe's Garage", { company: "Joe's Garage" }],
    ["we're a 12 person team", { company_size: 'Startup' }],
    ['there are 45 of us', { company_size: 'SMB' }],
    ['we have 1,200 employees', { company_size: 'Enterprise' }],
    ['around 2k people', { company_size: 'Enterprise' }],
    ['50-100 employees', { company_size: 'SMB' }],
    ["we're a small business", { company_size: 'SMB' }],
    ['we are a startup', { company_size: 'Startup' }],
    ["it's just me", { company_size: 'Startup' }],
    ['we need appointment reminders for our patients', { need: 'we need appointment reminders for our patients', industry: 'Healthcare' }],
    ['looking to qualify leads for our bank', { need: 'looking to qualify leads for our bank', industry: 'Finance' }],
  ])('%j', (text, profile) => {
    expect(told(text)).toEqual(profile);
  });

  it.each([
    "I'm interested",
    "i'm looking for a plan",
    "I'm not sure",
    "i'm back from lunch",
    'this is great',
    'this is ridiculous',
    "it's fine",
    "I'm busy",
    "I'm sorry",
    'I need a human',
    'I want to cancel',
    'I want to know the price',
    'we want a discount',
    'can 200 people text at once?',
    'what does your enterprise plan cost?',
    'how many people use it?',
    '500 texts a day',
    'I am http://evil.example',
    'from 5 to 9',
    'the growth plan for us',
    'at noon?',
    'what about from home',
  ])('nothing in %j', (text) => {
    expect(told(text)).toEqual({});
  });
});

describe('what a text answers to a question', () => {
  it.each<[Field, string, Profile]>([
    ['name', 'ana', { name: 'Ana' }],
    ['name', "sure, it's Ana Silva", { name: 'Ana Silva' }],
    ['name', 'Jean-Luc', { name: 'Jean-Luc' }],
    ['name', 'ana, acme', { name: 'Ana' }],
    ['name', '李雷', { name: '李雷' }],
    ['name', 'why would I tell you that', {}],
    ['name', '12345', {}],
    ['name', 'nobody', {}],
    ['name', '<b>x</b>', {}],
    ['company', 'acme', { company: 'Acme' }],
    ['company', 'we are Acme Dental', { company: 'Acme Dental', industry: 'Healthcare' }],
    ['company', "it's called 3M", { company: '3M' }],
    ['company', 'I am self-employed', { company: 'Self-employed', company_size: 'Startup' }],
    ['company', "I don't have one", { company: 'Private person' }],
    ['company', 'http://evil.example', {}],
    ['company', 'the weather is nice today', {}],
    ['company_size', '12', { company_size: 'Startup' }],
    ['company_size', 'about 50', { company_size: 'SMB' }],
    ['company_size', '100-250', { company_size: 'SMB' }],
    ['company_size', 'a dozen', { company_size: 'Startup' }],
    ['company_size', 'two hundred', { company_size: 'Mid-Market' }],
    ['company_size', '5k+', { company_size: 'Enterprise' }],
    ['company_size', 'Enterprise', { company_size: 'Enterprise' }],
    ['company_size', 'medium', { company_size: 'Mid-Market' }],
    ['company_size', 'and enterprise?', {}],
    ['company_size', '$500', {}],
    ['company_size', '5551234567', {}],
    ['company_size', '0', {}],
    ['need', 'reminders', { need: 'reminders' }],
    ['need', '???', {}],
    ['need', 'help me', {}],
  ])('%s: %j', (field, text, profile) => {
    expect(answered(field, text)).toEqual(profile);
  });
});
