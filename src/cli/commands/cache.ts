import type { Context } from '../settings-context.ts';
export async function cacheStats(_context: Context, _json: boolean): Promise<number> {
  return 0;
}
export async function cacheClear(_context: Context, _json: boolean): Promise<number> {
  return 0;
}
export async function cachePrune(_context: Context, _max: string | undefined, _json: boolean): Promise<number> {
  return 0;
}
export async function cacheVerify(_context: Context, _json: boolean): Promise<number> {
  return 0;
}
