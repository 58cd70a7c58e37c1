/** Spans of time as people write them ("10m", "1h30m", "500ms"); inside, always milliseconds. */

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Milliseconds of "90s", "1h30m", "1.5 h", "2d"; `undefined` where the text is not a duration. A number without a unit
 * is none, except 0: guessing between seconds and minutes is how a limit ends up sixty times too large.
 */
export function parseDuration(text: string): number | undefined {
  const compact = text.replace(/\s+/g, '');
  if (/^0+$/.test(compact)) return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(compact)) return undefined;
  let total = 0;
  for (const [, amount, unit] of compact.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  }
  return Number.isFinite(total) ? Math.round(total) : undefined;
}

/** A duration for a person: two figures that matter, never more than two units ("40 ms", "1.4 s", "3 min 20 s"). */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (!Number.isFinite(seconds)) return 'never';
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return twoUnits(whole, 60, 'min', 's');
  const minutes = Math.round(whole / 60);
  return minutes < 48 * 60 ? twoUnits(minutes, 60, 'h', 'min') : twoUnits(Math.round(minutes / 60), 24, 'd', 'h');
}

function twoUnits(amount: number, base: number, large: string, small: string): string {
  const rest = amount % base;
  const head = `${Math.floor(amount / base)} ${large}`;
  return rest === 0 ? head : `${head} ${rest} ${small}`;
}

/** The shortest text that {@link parseDuration} reads back to the same value: what configuration prints. */
export function writeDuration(milliseconds: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = UNIT_MS[unit] ?? 1;
    if (milliseconds > 0 && milliseconds % size === 0) return `${milliseconds / size}${unit}`;
  }
  return milliseconds === 0 ? '0' : `${milliseconds}ms`;
}
