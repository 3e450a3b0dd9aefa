import type { Socket } from 'node:net';
import { z } from 'zod';
import { Mode } from './agent-query.js';

/** What to do to a running agent. Without `agent` it is done to all of them; left out means back to normal. */
export const Control = z.strictObject({
  agent: z.string().min(1).optional(),
  /** Its connections are reset, those of calls under way included. */
  down: z.boolean().default(false),
  delay_ms: z.int().min(0).max(600_000).default(0),
  /** Instead of the mode in the agent's own URL. */
  mode: Mode.optional(),
});
export type Control = z.infer<typeof Control>;

const NORMAL: Control = { down: false, delay_ms: 0 };

/** Makes agents die, hang or slow down while they are in use. */
export class AgentControl {
  #everyone = NORMAL;
  readonly #byAgent = new Map<string, Control>();
  readonly #sockets = new Map<Socket, string>();

  set(input: z.input<typeof Control>): Control {
    const control = Control.parse(input);
    if (control.agent === undefined) {
      this.#everyone = control;
      this.#byAgent.clear();
    } else {
      this.#byAgent.set(control.agent, control);
    }
    if (control.down) this.#cut((agent) => control.agent === undefined || control.agent === agent);
    return control;
  }

  of(agent: string): Control {
    return this.#byAgent.get(agent) ?? this.#everyone;
  }

  all(): Control[] {
    return [this.#everyone, ...this.#byAgent.values()];
  }

  /** Remembers the connection of a call under way, so that an agent's death is felt by its callers. */
  enter(agent: string, socket: Socket): void {
    this.#sockets.set(socket, agent);
  }

  leave(socket: Socket): void {
    this.#sockets.delete(socket);
  }

  close(): void {
    this.#cut(() => true);
  }

  #cut(isMeant: (agent: string) => boolean): void {
    for (const [socket, agent] of this.#sockets) if (isMeant(agent)) socket.resetAndDestroy();
  }
}
