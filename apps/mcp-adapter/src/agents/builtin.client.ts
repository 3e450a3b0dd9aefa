import { Injectable } from '@nestjs/common';
import { answerTurn } from '@darkspere/contracts';
import { DomainError } from '@darkspere/domain';
import { RpcClient } from '@darkspere/transport';
import type { AgentEndpoint, AgentReply, AgentTransport, TurnRequest } from './agent.js';
import { AgentFailure, failureOfAbort } from './agent-failure.js';

/** The built-in team, over our own transport: it reads the text and stores its draft through published functions. */
@Injectable()
export class BuiltinClient implements AgentTransport {
  constructor(private readonly rpc: RpcClient) {}

  async ask(_agent: AgentEndpoint, turn: TurnRequest, signal: AbortSignal): Promise<AgentReply> {
    try {
      await this.rpc.call(
        answerTurn,
        { turnId: turn.turnId },
        { signal, ...(turn.traceparent !== null && { traceparent: turn.traceparent }) },
      );
      return { kind: 'stored' };
    } catch (error) {
      if (signal.aborted) throw failureOfAbort(signal);
      if (error instanceof DomainError) throw failureOfRpc(error);
      throw error;
    }
  }

  async tell(): Promise<boolean> {
    return false;
  }

  /** The team is part of this installation: live turns tell its health. */
  async check(): Promise<void> {}
}

/** The codes are our own words, so they may be shown. */
const failureOfRpc = ({ code }: DomainError): AgentFailure => {
  if (code === 'rpc_timeout') return new AgentFailure('agent_timeout', 'The built-in agent did not answer in time.');
  if (code === 'rpc_unavailable') return new AgentFailure('agent_unreachable', 'The built-in agent cannot be reached.');
  return new AgentFailure('agent_error', `The built-in agent failed (${code}).`);
};
