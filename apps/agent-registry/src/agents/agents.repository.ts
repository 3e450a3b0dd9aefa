import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Dialect, ProbeReport } from '@darkspere/contracts';
import { DomainError } from '@darkspere/domain';
import { SecretBox } from '@darkspere/platform';
import { IsNull, LessThan, Not, type FindOptionsWhere, type QueryDeepPartialEntity, type Repository } from 'typeorm';
import type { Page } from '../request.schemas.js';
import { AgentEntity } from './agent.entity.js';

/** How an agent is reached. */
export interface Connection {
  endpointUrl: string;
  credential: string | null;
  /** null: whatever answers. */
  dialect: Dialect | null;
}

export type NewAgent = Pick<AgentEntity, 'accountId' | 'agentName' | 'maxConcurrentSessions'> &
  Partial<Pick<AgentEntity, 'status' | 'pool' | 'doubleText' | 'hasPhoneGrant'>> &
  Connection;

/** What an owner may change without a probe. */
export type AgentFields = Partial<
  Pick<AgentEntity, 'agentName' | 'maxConcurrentSessions' | 'pool' | 'doubleText' | 'hasPhoneGrant' | 'status'>
>;

@Injectable()
export class AgentsRepository {
  constructor(
    @InjectRepository(AgentEntity) private readonly agents: Repository<AgentEntity>,
    private readonly secrets: SecretBox,
  ) {}

  /** The id comes first: the credential is sealed to its row. */
  async add({ credential, ...agent }: NewAgent): Promise<AgentEntity> {
    const [{ id }] = (await this.agents.query('select uuidv7() as id')) as [{ id: string }];
    const row = this.agents.create({ ...agent, id, credentialCiphertext: this.seal(id, credential), report: null, prior: null });
    await this.agents.insert(row as QueryDeepPartialEntity<AgentEntity>);
    return row;
  }

  /** Throws `DomainError('agent_not_found')`, also for a retired one and for another account's. */
  async get(accountId: string, id: string): Promise<AgentEntity> {
    const agent = await this.agents.findOneBy({ id, accountId, status: Not('retired') });
    if (agent === null) throw new DomainError('agent_not_found', 'There is no such agent.');
    return agent;
  }

  /** Newest first: the ids are time-ordered. */
  page(accountId: string, { limit, before }: Page): Promise<AgentEntity[]> {
    return this.agents.find({
      where: { accountId, status: Not('retired'), ...(before && { id: LessThan(before) }) },
      order: { id: 'DESC' },
      take: limit,
    });
  }

  /** Stores what a probe said of `agent`, unless the agent has got another connection since. A pending one that passed is active. */
  async saveReport(agent: AgentEntity, report: ProbeReport): Promise<void> {
    await this.agents.update(asProbed(agent), report.passed ? verdictOf(report) : { report: shown(report) });
  }

  /** Changes fields of an agent. False: somebody else was faster. */
  change(agent: AgentEntity, fields: AgentFields): Promise<boolean> {
    return this.update({ id: agent.id, accountId: agent.accountId, ...sameStatus(agent, fields) }, fields);
  }

  /** The same with another connection, which passed a probe: connection and what the probe found change together. */
  reconnect(agent: AgentEntity, { credential, endpointUrl }: Connection, report: ProbeReport, fields: AgentFields): Promise<boolean> {
    const connection = { endpointUrl, credentialCiphertext: this.seal(agent.id, credential) };
    return this.update({ ...asProbed(agent), ...sameStatus(agent, fields) }, { ...verdictOf(report), ...fields, ...connection });
  }

  /** What is deleted keeps its row, for messages refer to it, and not its secret. */
  async retire({ id, accountId }: AgentEntity): Promise<void> {
    await this.agents.update({ id, accountId }, { status: 'retired', credentialCiphertext: null });
  }

  async remove(id: string): Promise<void> {
    await this.agents.delete({ id });
  }

  credentialOf({ id, credentialCiphertext }: AgentEntity): string | null {
    return credentialCiphertext === null ? null : this.secrets.open(credentialCiphertext, placeOf(id));
  }

  private seal(id: string, credential: string | null): string | null {
    return credential === null ? null : this.secrets.seal(credential, placeOf(id));
  }

  private async update(where: FindOptionsWhere<AgentEntity>, fields: QueryDeepPartialEntity<AgentEntity>): Promise<boolean> {
    return (await this.agents.update(where, fields)).affected === 1;
  }
}

const placeOf = (id: string): string => `registry.agent_registry|${id}`;

/** The agent as long as it is reached as it was when it was probed. */
const asProbed = ({ id, accountId, endpointUrl, credentialCiphertext, dialect }: AgentEntity): FindOptionsWhere<AgentEntity> => ({
  id,
  accountId,
  endpointUrl,
  status: Not('retired'),
  credentialCiphertext: credentialCiphertext ?? IsNull(),
  dialect: dialect ?? IsNull(),
});

/** A status that was asked for follows from the one that was read; other changes do not mind what health says meanwhile. */
const sameStatus = (agent: AgentEntity, { status }: AgentFields): FindOptionsWhere<AgentEntity> => ({
  status: status === undefined ? Not('retired') : agent.status,
});

/** `prior` has a column of its own. */
const shown = (report: ProbeReport) => ({ ...report, prior: undefined });

const verdictOf = (report: ProbeReport): QueryDeepPartialEntity<AgentEntity> => ({
  // What health has said since stays.
  status: () => `case status when 'pending' then 'active' else status end`,
  dialect: report.dialect,
  tools: report.tools,
  requestTypes: report.requestTypes,
  prior: (report.prior ?? null) as object,
  report: shown(report),
});
