/** What the conversation wants to learn about a person, in the order it asks. */
export const FIELDS = ['name', 'company', 'company_size', 'need'] as const;
export type Field = (typeof FIELDS)[number];

export const COMPANY_SIZES = ['Startup', 'SMB', 'Mid-Market', 'Enterprise'] as const;
export type CompanySize = (typeof COMPANY_SIZES)[number];

export const INDUSTRIES = ['Technology', 'Healthcare', 'Finance', 'Manufacturing'] as const;
export type Industry = (typeof INDUSTRIES)[number];

/** Why a person is to take over, the most urgent first. */
export const FOLLOW_UP_REASONS = [
  'safety',
  'complaint',
  'asked_for_person',
  'support',
  'negotiation',
  'unknown_question',
  'profile_complete',
] as const;
export type FollowUpReason = (typeof FOLLOW_UP_REASONS)[number];

export const isMoreUrgent = (reason: FollowUpReason, than: FollowUpReason | null): boolean =>
  than === null || FOLLOW_UP_REASONS.indexOf(reason) < FOLLOW_UP_REASONS.indexOf(than);
