import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Sql } from '@darkspere/database';
import { DomainError } from '@darkspere/domain';
import { IsNull, type Repository } from 'typeorm';
import type { NewNumber } from './number.js';
import { PhoneNumber } from './phone-number.entity.js';

export interface NumberView {
  phone_number: string;
  agent_id: string | null;
  created_at: Date;
}

const view = (number: PhoneNumber): NumberView => ({
  phone_number: number.phoneNumber,
  agent_id: number.agentId,
  created_at: number.createdAt,
});

@Injectable()
export class NumbersService {
  constructor(
    private readonly sql: Sql,
    @InjectRepository(PhoneNumber) private readonly numbers: Repository<PhoneNumber>,
  ) {}

  /**
   * Takes a number into the account, or binds an own one anew; its live sessions move to the new agent.
   * Throws `agent_not_found`, and `number_taken` when another account has it.
   */
  async bind(accountId: string, number: NewNumber): Promise<NumberView> {
    const outcome = await this.sql.value<string>('messaging.bind_number', [
      accountId,
      number.phone_number,
      number.agent_id ?? null,
      new Date(),
    ]);
    if (outcome === 'agent_not_found') throw new DomainError('agent_not_found', 'There is no such agent in this account.');
    if (outcome === 'number_taken') throw new DomainError('number_taken', 'Another account uses this number.');
    return view(await this.numbers.findOneOrFail({ where: { accountId, phoneNumber: number.phone_number, releasedAt: IsNull() } }));
  }

  async list(accountId: string): Promise<{ numbers: NumberView[] }> {
    const numbers = await this.numbers.find({ where: { accountId, releasedAt: IsNull() }, order: { id: 'asc' } });
    return { numbers: numbers.map(view) };
  }

  /** Texts to it are no longer accepted; its sessions end. Throws `number_not_found`. */
  async release(accountId: string, phoneNumber: string): Promise<void> {
    const isReleased = await this.sql.value<boolean>('messaging.release_number', [accountId, phoneNumber, new Date()]);
    if (!isReleased) throw new DomainError('number_not_found', 'This account has no such number.');
  }
}
