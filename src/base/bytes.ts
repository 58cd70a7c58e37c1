/** Sizes as people write them; inside, always bytes. Decimal and binary prefixes are what SI and IEC say. */

const PREFIXES = ['', 'k', 'm', 'g', 't', 'p'];

/**
 * Bytes of "10GiB", "500 MB", "10G" (10^10), "4Ki", "512B"; `undefined` where the text is not a size. A number without a
 * unit is none, except 0: tools disagree whether it means bytes or gigabytes.
 */
export function parseBytes(text: string): number | undefined {
  const compact = text.replace(/\s+/g, '').toLowerCase();
  if (/^0+$/.test(compact)) return 0;
  const match = /^(\d+(?:\.\d+)?)(?:([kmgtp])(i?)b?|b)$/.exec(compact);
  if (match === null) return undefined;
  const power = PREFIXES.indexOf(match[2] ?? '');
  const bytes = Math.round(Number(match[1]) * (match[3] === 'i' ? 1024 : 1000) ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A size for a person: binary units, three figures ("1.25 GiB", "14.2 MiB", "512 B"). */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return 'unlimited';
  let amount = Math.max(0, bytes);
  let power = 0;
  while (amount >= 1000 && power < PREFIXES.length - 1) {
    amount /= 1024;
    power += 1;
  }
  if (power === 0) return `${amount} B`;
  const figures = amount < 10 ? 2 : amount < 100 ? 1 : 0;
  return `${Number(amount.toFixed(figures))} ${binaryUnit(power)}`;
}

/** The shortest text that {@link parseBytes} reads back to the same value: what configuration prints. */
export function writeBytes(bytes: number): string {
  if (bytes === 0) return '0';
  for (let power = PREFIXES.length - 1; power > 0; power -= 1) {
    if (bytes % 1024 ** power === 0) return `${bytes / 1024 ** power}${binaryUnit(power)}`;
  }
  return `${bytes}B`;
}

function binaryUnit(power: number): string {
  return `${(PREFIXES[power] ?? '').toUpperCase()}iB`;
}
