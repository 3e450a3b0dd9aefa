import type { Dialect, ProbeReport } from '@darkspere/contracts';
import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';

export type AgentStatus = 'pending' | 'active' | 'degraded' | 'offline' | 'draining' | 'retired';
export type DoubleText = 'coalesce' | 'merge' | 'enqueue';

/** A safe integer in a `bigint` column, which the driver gives as text. */
const safeInteger = { to: (value: number) => value, from: Number };

@Entity({ schema: 'registry', name: 'agent_registry' })
export class AgentEntity {
  @PrimaryColumn({ type: 'uuid' })
  id!: string;

  @Column({ name: 'account_id', type: 'uuid' })
  accountId!: string;

  @Column({ name: 'agent_name', type: 'text' })
  agentName!: string;

  @Column({ name: 'endpoint_url', type: 'text' })
  endpointUrl!: string;

  /** The registrant's choice at first, what the probe found once it passed; null: whatever answers. */
  @Column({ type: 'text', nullable: true })
  dialect!: Dialect | null;

  @Column({ type: 'text', nullable: true })
  pool!: string | null;

  @Column({ type: 'text', default: 'pending' })
  status!: AgentStatus;

  @Column({ name: 'credential_ciphertext', type: 'text', nullable: true })
  credentialCiphertext!: string | null;

  @Column({ name: 'max_concurrent_sessions', type: 'bigint', default: 100, transformer: safeInteger })
  maxConcurrentSessions!: number;

  @Column({ name: 'double_text', type: 'text', default: 'coalesce' })
  doubleText!: DoubleText;

  @Column({ name: 'has_phone_grant', type: 'boolean', default: false })
  hasPhoneGrant!: boolean;

  @Column({ name: 'health_score', type: 'smallint', default: 100 })
  healthScore!: number;

  @Column({ name: 'avg_response_time_ms', type: 'integer', default: 0 })
  avgResponseTimeMs!: number;

  @Column({ name: 'request_types', type: 'text', array: true, default: '{}' })
  requestTypes!: string[];

  @Column({ type: 'text', array: true, default: '{}' })
  tools!: string[];

  @Column({ type: 'jsonb', nullable: true })
  prior!: unknown;

  /** The latest probe's. */
  @Column({ type: 'jsonb', nullable: true })
  report!: StoredReport | null;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;

  @UpdateDateColumn({ name: 'updated_at', type: 'timestamptz' })
  updatedAt!: Date;
}

/** What a probe said; what it left for the next connection is in `prior`. */
export type StoredReport = Omit<ProbeReport, 'prior'>;
