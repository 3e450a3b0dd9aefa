import { CarrierError } from './carrier-error.js';

/** Only shape is checked: numbers like +15557770001 are not assigned anywhere and are what the twin is for. */
const PHONE = /^(?:whatsapp:)?\+[1-9]\d{6,14}$/;
const SHORT_CODE = /^\d{3,6}$/;
const ALPHANUMERIC = /^(?=.*[A-Za-z])[A-Za-z0-9 ]{2,11}$/;

const isPhone = (address: string): boolean => PHONE.test(address) || SHORT_CODE.test(address);

/** Twilio's magic test numbers: recipients that are always refused. */
const REFUSED = new Map([
  ['+15005550001', 21211],
  ['+15005550002', 21612],
  ['+15005550003', 21408],
  ['+15005550004', 21610],
  ['+15005550009', 21614],
] as const);

export const checkAddresses = (from: string, to: string): void => {
  if (to === '') throw new CarrierError(21604);
  if (from === '') throw new CarrierError(21603);
  if (!isPhone(to)) throw new CarrierError(21211, `Invalid 'To' Phone Number: ${to}`);
  const refusal = (REFUSED as ReadonlyMap<string, 21211 | 21408 | 21610 | 21612 | 21614>).get(to);
  if (refusal) throw new CarrierError(refusal);
  if (!isPhone(from) && !ALPHANUMERIC.test(from)) throw new CarrierError(21212, `The 'From' number ${from} is not a valid phone number`);
};
