/**
 * The exit codes of hgbuild's own commands. A wrapped tool's code, and the signal that ended it, are handed on as they
 * are: `hgbuild make` ends as `make` did.
 */
export const EXIT = {
  ok: 0,
  /** The answer is no: `doctor`, `config check` and `cache verify` found something, `agent status` found no agent. */
  negative: 1,
  /** Wrong flag, key, argument or configuration. Nothing was changed. */
  usage: 2,
  /** The command to wrap is there but cannot be run, as a shell says it. */
  cannotRun: 126,
  /** The command to wrap does not exist, as a shell says it. */
  notFound: 127,
  /** Plus the number of the signal that ended the wrapped tool, where the signal itself cannot be raised again. */
  signalBase: 128,
} as const;

/** Ends a command with a message for the user; everything else that is thrown is a bug of ours. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.usage) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

/** By its name, because the bundles of the lazily loaded commands have a class of their own. */
export function isCliError(error: unknown): error is CliError {
  return error instanceof Error && error.name === 'CliError';
}
