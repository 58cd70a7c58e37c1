/** Redis' protocol (RESP 2), as much of it as GET, SET and EXISTS need. Pure. */
export type Reply =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'number'; readonly number: number }
  /** Undefined: nothing is stored there. */
  | { readonly kind: 'bytes'; readonly bytes: Buffer | undefined };

/** What a server says that is no reply of this protocol, or one that is too long. */
export class NoReply extends Error {
  override readonly name = 'NoReply';
}

/** No line of a reply is longer. In bytes. */
const LINE_LIMIT = 4 << 10;

/** One command with its arguments. */
export function encodeCommand(words: readonly (string | Buffer)[]): Buffer[] {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return parts;
}

/** Takes bytes as they come and gives whole replies; throws {@link NoReply}. `limit`: of a reply's bytes. */
export function replyReader(limit: number): (chunk: Buffer) => Reply[] {
  let held: Buffer[] = [];
  let size = 0;
  let needed = 1;
  return (chunk) => {
    held.push(chunk);
    size += chunk.length;
    // A long reply comes in hundreds of pieces: they are joined once.
    if (size < needed) return [];
    let rest = held.length === 1 ? chunk : Buffer.concat(held, size);
    const replies: Reply[] = [];
    for (;;) {
      const next = readReply(rest, limit);
      if (typeof next === 'number') {
        held = rest.length === 0 ? [] : [rest];
        size = rest.length;
        needed = next;
        return replies;
      }
      replies.push(next.reply);
      rest = rest.subarray(next.length);
    }
  };
}

/** The first reply and its length; or how many bytes there have to be before it is worth looking again. */
function readReply(bytes: Buffer, limit: number): { readonly reply: Reply; readonly length: number } | number {
  const end = bytes.indexOf('\r\n');
  if (end < 0 && bytes.length > LINE_LIMIT) throw new NoReply('a line without an end');
  if (end < 0) return bytes.length + 1;
  const line = bytes.toString('latin1', 1, end);
  const length = end + 2;
  switch (bytes[0]) {
    case 0x2b:
      return { reply: { kind: 'text', text: line }, length };
    case 0x2d:
      return { reply: { kind: 'error', text: line }, length };
    case 0x3a:
      return { reply: { kind: 'number', number: Number(line) }, length };
    case 0x24:
      return readBytes(bytes, line, length, limit);
    default:
      throw new NoReply('no reply of Redis');
  }
}

function readBytes(
  bytes: Buffer,
  line: string,
  from: number,
  limit: number,
): { readonly reply: Reply; readonly length: number } | number {
  if (line === '-1') return { reply: { kind: 'bytes', bytes: undefined }, length: from };
  if (!/^\d{1,12}$/.test(line)) throw new NoReply('no reply of Redis');
  const size = Number(line);
  if (size > limit) throw new NoReply(`more than ${limit} bytes`);
  const end = from + size + 2;
  if (bytes.length < end) return end;
  return { reply: { kind: 'bytes', bytes: bytes.subarray(from, from + size) }, length: end };
}
