/** The agent's side of places, against real gRPC servers that behave in their ways. */
import { credentials, Metadata, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import {
  BuildServiceClient,
  BuildServiceService,
  type GrantMessage,
  type PlaceAsk,
  type PlaceMessage,
} from '../../contract/generated/hybridgrid/v1/build.ts';
import { places } from './places.ts';

type Stream = ServerDuplexStream<PlaceMessage, GrantMessage>;

let servers: Server[] = [];
let clients: BuildServiceClient[] = [];
afterEach(() => {
  for (const client of clients) client.close();
  for (const server of servers) server.forceShutdown();
  [servers, clients] = [[], []];
});

/** `serve`: undefined for a coordinator that knows no places. */
async function bed(serve: ((stream: Stream) => void) | undefined) {
  const server = new Server();
  const nothing = (): void => {};
  const { places: own, ...others } = BuildServiceService;
  const handlers = Object.fromEntries(Object.keys(others).map((name) => [name, nothing]));
  if (serve === undefined) server.addService(others as never, handlers as never);
  else server.addService({ ...others, places: own }, { ...handlers, places: serve } as never);
  servers.push(server);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const service = new BuildServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
  clients.push(service);
  let nowMs = 0;
  const asking = places({ service, metadata: new Metadata(), client: 'me', heard: () => {}, now: () => nowMs });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { asking, pass };
}

const question = (name: string): Omit<PlaceAsk, 'ask'> => ({
  action: Buffer.alloc(32),
  arch: 'x86_64',
  toolchain: Buffer.alloc(32),
  name,
  ignoreStored: false,
  inDoubt: [],
  timeoutMs: 0,
});
const never = new AbortController().signal;
const grantFor = (ask: number, workerId: string): GrantMessage => ({
  answers: [
    {
      ask,
      answer: {
        $case: 'grant',
        value: { taskId: `t${ask}`, workerId, address: 'a:1', expiresUnixMs: 0n, ticket: Buffer.alloc(32) },
      },
    },
  ],
});

test('an older coordinator is asked the old way, and asked again for places only after a minute', async () => {
  const { asking, pass } = await bed(undefined);
  expect((await asking.ask(question('a'), never)).found.$case).toBe('relayed');
  pass(59_000);
  const began = performance.now();
  expect((await asking.ask(question('b'), never)).found.$case).toBe('relayed');
  expect(performance.now() - began, 'nobody is asked').toBeLessThan(1_000);
});

test('what is asked together goes in one message; a second grant is heard of; what is given back is told', async () => {
  const heard: PlaceMessage[] = [];
  let line: Stream | undefined;
  const { asking } = await bed((stream) => {
    line = stream;
    stream.on('data', (message: PlaceMessage) => {
      heard.push(message);
      for (const { ask } of message.asks) stream.write(grantFor(ask, 'w1'));
    });
    stream.on('error', () => {});
  });
  const [one, two] = await Promise.all([asking.ask(question('a'), never), asking.ask(question('b'), never)]);
  expect(heard).toHaveLength(1);
  expect(heard[0]).toMatchObject({ client: 'me', asks: [{ name: 'a' }, { name: 'b' }] });
  const more = new Promise<string>((resolve) => one.onMore(({ workerId }) => resolve(workerId)));
  line?.write(grantFor(1, 'w2'));
  expect(await more).toBe('w2');
  one.done();
  two.giveBack();
  two.giveBack();
  while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(heard[1]).toMatchObject({ asks: [], withdrawn: [2] });
});

test('a question that is not waited for is withdrawn; a stream that ends fails what waits and is opened again', async () => {
  const withdrawn: number[] = [];
  let streams = 0;
  const { asking } = await bed((stream) => {
    streams += 1;
    stream.on('data', (message: PlaceMessage) => {
      withdrawn.push(...message.withdrawn);
      if (message.asks.some(({ name }) => name === 'end')) stream.end();
      for (const { ask, name } of message.asks) if (name === 'again') stream.write(grantFor(ask, 'w1'));
    });
    stream.on('error', () => {});
  });
  const gone = new AbortController();
  const waiting = asking.ask(question('a'), gone.signal);
  gone.abort();
  await expect(waiting).rejects.toThrow('not waited for');
  while (withdrawn.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  await expect(asking.ask(question('end'), never)).rejects.toThrow();
  expect((await asking.ask(question('again'), never)).found.$case).toBe('grant');
  expect(streams).toBe(2);
  const lost = asking.ask(question('lost'), never);
  asking.reset();
  await expect(lost).rejects.toThrow('given up');
});
