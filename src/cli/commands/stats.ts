import type { Context } from '../settings-context.ts';
export async function stats(_context: Context, _options: { json: boolean; zero: boolean }): Promise<number> {
  return 0;
}
