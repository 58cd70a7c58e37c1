import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** A message with the contents of one field taken out. */
export interface Parted {
  /** What the field held, as often as it is there: views of the message. */
  readonly found: readonly Buffer[];
  /** The message without it. */
  readonly rest: Buffer;
}

/** Takes a field of bytes or messages out of a message without reading either. Throws where it is no message. */
export function parted(message: Buffer, field: number): Parted {
  const reader = new BinaryReader(message);
  const found: Buffer[] = [];
  const rest: Buffer[] = [];
  while (reader.pos < reader.len) {
    const from = reader.pos;
    const [number, type] = reader.tag();
    if (number === field && type === WireType.LengthDelimited) found.push(view(reader.bytes()));
    else {
      reader.skip(type, number);
      rest.push(message.subarray(from, reader.pos));
    }
  }
  return { found, rest: Buffer.concat(rest) };
}

/** The same bytes as a buffer, where `Buffer.from` would copy them. */
export function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
