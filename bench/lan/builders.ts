/** What every way of building has in common: the plain one, ours, and those of others. */
import type { Bed } from '../../test/bed/environment.ts';
import type { Host } from './hosts.ts';

/** Where a build happens and with whose help. */
export interface Place {
  readonly bed: Bed;
  readonly client: Host;
  /** The first one also coordinates, where there is something to coordinate. */
  readonly helpers: readonly { readonly host: Host; readonly slots: number }[];
  /** Compiles at once on the client itself; 0: all elsewhere. */
  readonly localSlots: number;
}

/** How make is called, apart from what is built. */
export interface Call {
  /** Before `make`. */
  readonly before: readonly string[];
  /** Before the compiler's name: `distcc`. */
  readonly compilerPrefix: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Everything a builder needs while it is used; cold when opened: nothing of an earlier build is known anywhere. */
export interface OpenBuilder {
  readonly call: Call;
  /** What the last build really did, from the builder's own records. Throws where it is not what its row claims. */
  proof(compiles: number): Promise<string>;
  /** CPU time so far, in milliseconds, of its process on the client that outlives a compile; absent where there is none. */
  agentCpuMs?(): Promise<number>;
  /** Ends what runs; its files go with those of the bed: removed now, they would cost the next builder (see aside.ts). */
  close(): Promise<void>;
}

export interface Builder {
  readonly name: string;
  /** Said beside its figures. */
  readonly note: string;
  /** Why it cannot be had here; undefined if it can. */
  lacking(): string | undefined;
  open(place: Place): Promise<OpenBuilder>;
}

export const plain: Builder = {
  name: 'plain',
  note: '',
  lacking: () => undefined,
  async open({ bed }) {
    return {
      call: { before: [], compilerPrefix: '', env: bed.env },
      proof: async () => 'make and the compiler',
      close: async () => {},
    };
  },
};
