/**
 * The room that zstd needs for so many bytes at most, in bytes: what does not shrink grows by one in 256 and a little. As
 * `chunkSize` it makes one buffer of the right size instead of some of 64 KiB that are put together after.
 */
export function roomFor(bytes: number): number {
  return bytes + (bytes >> 8) + 64;
}
