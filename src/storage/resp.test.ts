import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeCommand, NoReply, type Reply, replyReader } from './resp.ts';

const LIMIT = 1_000;

const reply: fc.Arbitrary<readonly [Reply, Buffer]> = fc.oneof(
  fc.stringMatching(/^[A-Za-z ]{0,30}$/).map((text) => [{ kind: 'text', text }, Buffer.from(`+${text}\r\n`)] as const),
  fc.stringMatching(/^[A-Z ]{0,30}$/).map((text) => [{ kind: 'error', text }, Buffer.from(`-${text}\r\n`)] as const),
  fc.nat().map((number) => [{ kind: 'number', number }, Buffer.from(`:${number}\r\n`)] as const),
  fc.constant([{ kind: 'bytes', bytes: undefined }, Buffer.from('$-1\r\n')] as const),
  fc.uint8Array({ maxLength: 200 }).map((array) => {
    const bytes = Buffer.from(array);
    return [
      { kind: 'bytes', bytes },
      Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]),
    ] as const;
  }),
);

test('replies are the same however their bytes arrive', () => {
  fc.assert(
    fc.property(fc.array(reply), fc.array(fc.integer({ min: 1, max: 50 })), (replies, sizes) => {
      const read = replyReader(LIMIT);
      const wire = Buffer.concat(replies.map(([, bytes]) => bytes));
      const got: Reply[] = [];
      for (let at = 0, i = 0; at < wire.length; i += 1) {
        const size = sizes[i % Math.max(1, sizes.length)] ?? wire.length;
        got.push(...read(wire.subarray(at, at + size)));
        at += size;
      }
      expect(got).toEqual(replies.map(([value]) => value));
    }),
  );
});

test.each([['HTTP/1.1 400 Bad Request\r\n'], ['*2\r\n'], ['$1001\r\n'], ['$abc\r\n'], [`+${'x'.repeat(5_000)}`]])(
  '%s is refused before it is held',
  (text) => {
    expect(() => replyReader(LIMIT)(Buffer.from(text))).toThrow(NoReply);
  },
);

test('a command is told by the lengths of its words, in bytes', () => {
  const sent = Buffer.concat(encodeCommand(['SET', 'ä', Buffer.from([0, 13, 10])])).toString('latin1');
  expect(sent).toBe('*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xa4\r\n$3\r\n\0\r\n\r\n');
});
