import { contract, event } from '@darkspere/contracts';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { z } from 'zod';
import { Handles, On } from './handlers.decorator.js';
import type { StreamContext } from './stream-context.js';

const debit = contract({
  name: 'bank.debit',
  input: z.object({ account: z.string(), amount: z.int() }),
  output: z.object({ remaining: z.int() }),
});
const rang = event({ name: 'bell.rang', to: ['bank'], payload: z.object({ by: z.string() }) });

/** Compiled by `tsc -b`: a line below that compiles although it must not is an error there. */
class Compiles {
  @Handles(debit)
  async whole({ account, amount }: { account: string; amount: number }) {
    return { remaining: account.length - amount };
  }

  @Handles(debit)
  withContext({ amount }: { amount: number }, { deadline }: StreamContext) {
    return { remaining: amount + (deadline ?? 0) };
  }

  @Handles(debit)
  withoutInput() {
    return { remaining: 0 };
  }

  // @ts-expect-error the input has no such field
  @Handles(debit)
  async asksForMore({ owner }: { account: string; amount: number; owner: string }) {
    return { remaining: owner.length };
  }

  // @ts-expect-error the amount is a number
  @Handles(debit)
  async asksForOther({ amount }: { amount: string }) {
    return { remaining: amount.length };
  }

  // @ts-expect-error the output lacks what the contract promises
  @Handles(debit)
  async answersLess() {
    return {};
  }

  // @ts-expect-error the answer is of another type
  @Handles(debit)
  answersOther() {
    return { remaining: 'lots' };
  }

  @On(rang)
  async listens({ by }: { by: string }): Promise<void> {
    void by;
  }

  // @ts-expect-error nobody takes an event's answer
  @On(rang)
  async answersAnEvent() {
    return 1;
  }

  // @ts-expect-error the payload is another one
  @On(rang)
  async listensToOther(by: string): Promise<void> {
    void by;
  }
}

class ByHand {
  @MessagePattern('bank.debit')
  whole(input: unknown) {
    return input;
  }

  @EventPattern('bell.rang')
  listens(payload: unknown) {
    return payload;
  }
}

describe('@Handles and @On', () => {
  it.each(['whole', 'listens'] as const)('say the same to Nest as its own decorators (%s)', (method) => {
    const [ours, theirs] = [Compiles, ByHand].map(({ prototype }) => {
      const handler = prototype[method as keyof (Compiles | ByHand)];
      const keys = Reflect.getMetadataKeys(handler).filter((key: string) => key.startsWith('microservices:') && !key.endsWith('extras'));
      return keys.map((key: string) => [key, Reflect.getMetadata(key, handler)]);
    });
    expect(theirs!.length).toBeGreaterThan(1);
    expect(ours).toEqual(theirs);
  });
});
