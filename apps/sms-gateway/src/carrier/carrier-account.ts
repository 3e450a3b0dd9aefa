/** Whose credentials a webhook was signed with, or a message is sent with. */
export interface CarrierAccount {
  accountId: string;
  accountSid: string;
  authToken: string;
}
