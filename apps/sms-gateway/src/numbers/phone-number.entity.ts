import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity({ schema: 'messaging', name: 'phone_numbers' })
export class PhoneNumber {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'account_id' })
  accountId!: string;

  /** E.164, or a short code. */
  @Column('text', { name: 'phone_number' })
  phoneNumber!: string;

  /** null: any agent of the account. */
  @Column('uuid', { name: 'agent_id', nullable: true })
  agentId!: string | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'released_at', nullable: true })
  releasedAt!: Date | null;
}
