import type { Context } from './settings-context.ts';
export async function runProgram(_context: Context): Promise<number> {
  return 2;
}
