import type { AgentQuery } from './agent-query.js';

/** What the agent says to a message in its `turn`th turn, for the modes that say anything. */
export const wording = ({ mode, size }: AgentQuery, message: string, turn: number): string => {
  switch (mode) {
    case 'counter':
      return `#${turn}: ${message}`;
    case 'empty':
      return '';
    case 'huge':
      return 'x'.repeat(size);
    default:
      return `echo: ${message}`;
  }
};
