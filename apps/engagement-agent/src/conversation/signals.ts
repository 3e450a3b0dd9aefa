import type { Sentence } from './sentences.js';

/** What a sentence does in a conversation, apart from what it asks about. Patterns read `Sentence.plain`. */
export type Signal =
  | 'greeting'
  | 'thanks'
  | 'bye'
  | 'yes'
  | 'no'
  | 'skip'
  | 'refuses_questions'
  | 'asks_why'
  | 'more'
  | 'not_helped'
  | 'asks_when'
  | 'wants_person'
  | 'complaint'
  | 'danger'
  | 'injection'
  | 'secret';

const SIGNALS: readonly [Signal, RegExp][] = [
  [
    'greeting',
    /^(?:hi|hello|hey|hiya|yo|howdy|sup|greetings|good (?:morning|afternoon|evening|day))(?: (?:hi|hello|hey|there|you|guys|all|everyone|folks|darkspere|team|sir|madam))?$/,
  ],
  ['greeting', /^(?:how are you|how is it going|what is up|how do you do)(?: (?:doing|today|doing today))?$/],
  [
    'greeting',
    /^(?:(?:is |hello )?(?:anybody|anyone|someone|somebody) (?:there|here|home)|(?:are )?you there|test(?:ing)?(?: (?:test|testing|\d+))*)$/,
  ],
  ['thanks', /\b(?:thanks|thank you|tysm|cheers|appreciate it|much appreciated|appreciated)\b/],
  [
    'bye',
    /^(?:ok |okay |great |cool )?(?:bye|bye bye|goodbye|good bye|good night|see you|see ya|cya|later|talk later|ttyl|that is all|that is it|that will be all|nothing else|nothing|no that is (?:all|it)|i am good|all good|have a (?:good|nice|great) (?:day|one|evening|night|weekend))\b/,
  ],
  [
    'bye',
    /^(?:not (?:right )?now|not today|(?:maybe )?(?:later|another time|some other time)|(?:sorry )?(?:i am )?(?:busy|driving|at work|in a meeting)(?: (?:right )?now)?|can not talk(?: (?:right )?now)?)$/,
  ],
  [
    'yes',
    /^(?:ok|okay|k|kk|cool|great|nice|perfect|awesome|got it|sounds good|sure|yes|y|yep|yeah|yup|ya|alright|all right|right|fine|good|understood|makes sense|interesting|wow|lol|haha|hmm|i see|no problem|no worries|will do|good to know|i am interested|interested|tell me|whatever)(?: (?:ok|okay|great|cool|thanks|sure|then|please|good|whatever))?$/,
  ],
  [
    'no',
    /^(?:no|n|nope|nah|not really|not yet|no thank you|no thanks|none)$|\b(?:do not|not) (?:want|need|looking for) (?:a|an|any|the|your|that|this)\b/,
  ],
  [
    'skip',
    /^(?:skip|pass|next|na|n a)(?: (?:it|this|that|please|one))*$|\b(?:rather not|prefer not|will not (?:say|tell|share)|do not (?:want|wish|care|feel comfortable|need) (?:to )?(?:say|saying|tell|telling|share|sharing|give|giving|answer|answering|disclose)|do not know|not sure|no idea|none of your business|not (?:telling|saying|sharing)|no comment|that is private|it is private|that is personal|keep that private|why would i tell)\b/,
  ],
  [
    'refuses_questions',
    /\b(?:(?:stop|quit|enough|no more|do not|please stop) (?:ask|asking)|too many questions|(?:no|enough|stop with) (?:more |the |your |with the )*questions|not answering|not interested|no interest)\b/,
  ],
  [
    'asks_why',
    /^(?:but )?(?:why|what for|why do you (?:need|ask|want)|why (?:are you asking|should i|does it matter|would you need|you asking)|what do you need (?:that|it|this) for)\b.{0,40}$/,
  ],
  [
    'more',
    /^(?:more|details|detail|more (?:info|information|details|please)|what else|anything else|what|huh|pardon|sorry what|come again|what do you mean|i do not (?:understand|get it)|explain|full (?:version|answer)|the details|in detail|continue|go on)(?: please)?$|\b(?:tell (?:me|us) (?:a bit |a little |some )?more|more (?:details|info|information|about|on that)|give me (?:the |all |some |all the )?details|(?:in|with) (?:more |full )?detail|elaborate|explain (?:more|further|that|in)|longer version|learn more|know more|expand on|full details)\b/,
  ],
  [
    'not_helped',
    /\b(?:(?:did|do|does|have|has|are|is) not (?:answer(?:ed|ing)?|help(?:ed|ing|ful)?|listen(?:ing)?|what i (?:asked|meant|wanted))|(?:answer|read) my question|you are not making sense|not what i (?:asked|meant|wanted)|wrong answer|that makes no sense)\b/,
  ],
  [
    'asks_when',
    /^(?:ok |okay |so |and )*(?:what happens next|what now|when (?:will|can|do|does|should) (?:someone|somebody|they|you|i|a person|your team|he|she|we)\b|how (?:long|soon) (?:until|till|before|will|can|do|does)\b|when is (?:that|someone))/,
  ],
  [
    'wants_person',
    /\b(?:talk|speak|chat|(?:connect|transfer|switch|pass|put|hand|get) (?:me|us)) (?:directly |over |through )?(?:to|with) (?:a |an |the |your |some )?(?:real |live |actual |human |sales |customer service )*(?:human|person|someone|somebody|agent|representative|rep|salesperson|sales|manager|operator|colleague|supervisor|boss|owner|staff member|team member|being)\b/,
  ],
  [
    'wants_person',
    /^(?:(?:a|an|the|real|live|actual) )*(?:human|person|agent|representative|rep|operator|manager|someone|sales|human being)(?: please| now)*$/,
  ],
  [
    'wants_person',
    /\b(?:(?:need|want|get|give) (?:me )?(?:to (?:talk|speak) to )?(?:a |an )?(?:real |live |actual )*(?:human|person|representative|operator|salesperson|manager)\b|(?:call me|give me a call|phone me|ring me|call back|callback)\b|(?:can|could|have|will|would|let) (?:someone|somebody|a person|a human|anyone|one of your people) (?:please )?(?:call|contact|reach|text|write|get back|follow up|help)|(?:someone|somebody|a person) (?:from sales|else|real))/,
  ],
  [
    'complaint',
    /\b(?:unacceptable|horrible|horrendous|pathetic|disgrace(?:ful)?|disgusting|furious|pissed(?: off)?|fed up|ripped off|rip off|sue (?:you|your)|report you|give me my money|refund me|wtf|bullshit|fuck\w*|shit\w*|asshole|bastards?|bitch|moron|waste of (?:my )?(?:time|money)|liars?|overcharged|(?:charged|billed) (?:me )?(?:twice|again|double|wrongly)|double charged|hate (?:you|this|it|your)|you suck|this sucks|you are (?:useless|stupid|dumb|terrible|awful|annoying|the worst|an? idiot)|stupid (?:bot|robot|machine|ai)|worst (?:service|company|support|bot|experience)|(?:very|so|really|extremely|deeply) (?:angry|upset|unhappy|disappointed|frustrated|annoyed)|(?:not|un) ?(?:happy|satisfied|pleased) with|i am (?:angry|upset|unhappy|disappointed|frustrated|furious|annoyed))\b/,
  ],
  [
    'danger',
    /\b(?:kill(?:ing)? myself|suicid\w*|want to die|end my life|(?:hurt|harm|cut)(?:ing)? myself|self harm|call 911|(?:this|it) is an emergency|medical emergency|need an ambulance|having a (?:heart attack|stroke)|going to kill)\b/,
  ],
  [
    'injection',
    /\b(?:(?:ignore|disregard|forget|override) (?:\w+ ){0,3}(?:previous|prior|above|earlier|instructions?|rules|prompts?)|system prompt|your (?:\w+ )?(?:instructions|prompt|guidelines)|you are now|pretend (?:to be|you are|that)|act as|role ?play|developer mode|debug mode|admin mode|jailbreak|repeat (?:everything|the words|the text|all) above|(?:select|drop|insert|delete|update) (?:\w+ )?(?:from|table|into|set))\b/,
  ],
];
// Milder words that are a complaint when stated and a subject when asked ("is this a scam?").
const SOFT_COMPLAINT =
  /\b(?:ridiculous|terrible|awful|worst|useless|garbage|rubbish|scam(?:med|mers?)?|fraud|lawsuit|(?:call|hear from|tell) my (?:lawyer|attorney)|complain(?:t|ts|ing)?|money back|want (?:a|my) refund|frustrat\w+|disappoint\w+|idiots?|very bad|so bad|stupid|annoying|never (?:works|answered|replied|responded)|sucks?)\b/;
const NOT_A_COMPLAINT = /\b(?:no complaints?|not (?:bad|stupid|terrible)|(?:stupid|dumb|silly) question|handle complaints?)\b/;
const MARKUP = /<\/?\w+[^>]{0,80}>|\{\{|\$\{|<\|/;
const ASKS_ABOUT_ME =
  /\b(?:are|is) (?:you|this|it)(?: \w+){0,2} (?:bot|robot|human|person|real|ai)\b|\bam i (?:talking|speaking|texting|chatting)\b/;

export const signalsIn = (sentence: Sentence): Set<Signal> => {
  const { plain, text, isQuestion } = sentence;
  const found = new Set(SIGNALS.filter(([, pattern]) => pattern.test(plain)).map(([signal]) => signal));
  if (!isQuestion && SOFT_COMPLAINT.test(plain)) found.add('complaint');
  if (NOT_A_COMPLAINT.test(plain)) found.delete('complaint');
  if (ASKS_ABOUT_ME.test(plain)) found.delete('wants_person');
  if (found.has('no')) found.delete('thanks');
  if (MARKUP.test(text)) found.add('injection');
  if (hasCardOrSocialNumber(text)) found.add('secret');
  return found;
};

const hasCardOrSocialNumber = (text: string): boolean =>
  /\b\d{3}-\d{2}-\d{4}\b/.test(text) || (text.match(/\b\d(?:[ -]?\d){12,18}\b/g) ?? []).some((number) => isLuhn(number.replace(/\D/g, '')));

const isLuhn = (digits: string): boolean =>
  [...digits].reverse().reduce((sum, digit, i) => sum + (i % 2 === 0 ? Number(digit) : [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][Number(digit)]!), 0) %
    10 ===
  0;
