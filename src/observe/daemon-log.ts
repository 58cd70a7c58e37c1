import { writeSync } from 'node:fs';

export type DaemonLog = (message: string, details?: object) => void;

/**
 * Lines on stderr for journald and people: time, message, details as `key=value`. Values are printed as JSON where they
 * hold anything that could be taken for another line or field.
 */
export function daemonLog(now: () => Date): DaemonLog {
  return (message, details = {}) => {
    const fields = Object.entries(details)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ` ${key}=${printable(value)}`);
    try {
      writeSync(2, `${now().toISOString()} ${message}${fields.join('')}\n`);
    } catch {
      // Nobody reads it: a log is never worth a failure.
    }
  };
}

function printable(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text);
}
