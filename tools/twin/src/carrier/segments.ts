const BASIC =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
const EXTENSION = '\f^{}\\[~]|€';

/** Septets of each UTF-16 unit in GSM 03.38; 0: not in the alphabet. */
const SEPTETS = new Uint8Array(0x1_0000);
for (const character of BASIC) SEPTETS[character.charCodeAt(0)] = 1;
for (const character of EXTENSION) SEPTETS[character.charCodeAt(0)] = 2;

const GSM = { single: 160, part: 153 };
const UCS2 = { single: 70, part: 67 };

/** How many parts the carrier bills: 160/153 septets in GSM-7, 70/67 units in UCS-2. A pair is never cut in two. */
export const segmentCount = (body: string): number => {
  let isGsm = true;
  let length = 0;
  for (let i = 0; i < body.length && isGsm; i += 1) {
    const septets = SEPTETS[body.charCodeAt(i)] as number;
    isGsm = septets > 0;
    length += septets;
  }
  if (isGsm) return length <= GSM.single ? 1 : partCount(body, GSM.part, (code) => SEPTETS[code] as number);
  return body.length <= UCS2.single ? 1 : partCount(body, UCS2.part, unitsOf);
};

const unitsOf = (code: number): number => (code >= 0xd800 && code <= 0xdbff ? 2 : 1);

const partCount = (body: string, capacity: number, sizeOf: (code: number) => number): number => {
  let parts = 1;
  let used = 0;
  for (let i = 0; i < body.length; i += 1) {
    const code = body.charCodeAt(i);
    const size = sizeOf(code);
    if (used + size > capacity) {
      parts += 1;
      used = 0;
    }
    used += size;
    // A high surrogate was counted together with the low one that follows it.
    if (size === 2 && SEPTETS[code] === 0) i += 1;
  }
  return parts;
};
