/**
 * Paths, arguments, environment values and file contents on Unix are bytes, not text. Inside Hybridgrid they are
 * JavaScript strings in which every char code is one byte (latin1): comparing, slicing and regular expressions work,
 * nothing is lost on non-UTF-8 names, and decoding costs a memcpy. Only two places convert: the call into `fs`
 * ({@link fsPath}) and the screen ({@link forDisplay}).
 */

const ASCII = /^[\x00-\x7f]*$/;

/** Bytes to a byte string. */
export function fromBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** A byte string to its bytes. */
export function toBytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** What to hand to `node:fs`, which would encode a non-ASCII string as UTF-8: such a path goes as its raw bytes. */
export function fsPath(path: string): string | Buffer {
  return ASCII.test(path) ? path : Buffer.from(path, 'latin1');
}

/** A byte string as a person should see it: decoded as UTF-8. */
export function forDisplay(text: string): string {
  return ASCII.test(text) ? text : Buffer.from(text, 'latin1').toString('utf8');
}

/** A native JavaScript string (argv, `process.env`, configuration) as a byte string. */
export function fromNative(text: string): string {
  return ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}
