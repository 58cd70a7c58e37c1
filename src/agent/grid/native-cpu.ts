import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromNative } from '../../base/byte-string.ts';
import {
  asksOtherwise,
  type ClangNative,
  type GccNative,
  isPlainNative,
  type NativeCpu,
  nativeSpecs,
  withNativeNamed,
} from '../../compiler/native-cpu.ts';
import { askCompiler } from '../ask-compiler.ts';
import { compilerCall, type Description } from '../describe.ts';

/**
 * This machine's processor in words that a worker can compile with. The compiler itself is asked, and asked again with those
 * words: unless its compiler proper would be called exactly alike, there is no answer and the compile stays here.
 */
export interface NativeCpus {
  of(description: Description): Promise<NativeCpu | undefined>;
}

const MEMORY_LIMIT = 1_000;

export function nativeCpus(): NativeCpus {
  const known = new Map<string, Promise<NativeCpu | undefined>>();
  return {
    of(description) {
      const { toolchain, request, invocation } = description;
      const machine = machineArgs(description);
      // Where the questions are asked matters to no answer, but a compiler may be found by a variable.
      const key = JSON.stringify([toolchain.digest, request.compiler, invocation.language, machine]);
      const asked = known.get(key) ?? (invocation.family === 'gcc' ? ofGcc : ofClang)(description, machine);
      if (known.size >= MEMORY_LIMIT) known.clear();
      known.set(key, asked);
      return asked;
    },
  };
}

/** What the meaning of `native` may depend on. gcc looks at options of the machine only, clang at the target, too. */
function machineArgs({ invocation }: Description): readonly string[] {
  if (invocation.family === 'clang') return invocation.searchArgs;
  return invocation.searchArgs.filter((arg) => arg.startsWith('-m'));
}

/** How the driver would call the compiler proper: its words, or undefined. */
async function callOf({ request, invocation }: Description, args: readonly string[]): Promise<string[] | undefined> {
  // To assembly: on the way to an object, gcc draws the name of a file at random.
  const question = [...args, '-###', '-S', '-x', invocation.language, '/dev/null', '-o', '/dev/null'];
  const says = await askCompiler(request.compiler, question, { cwd: request.cwd, env: request.env });
  const line = says?.ok === true ? compilerCall(says.stderr) : undefined;
  return line?.match(/"(?:[^"\\]|\\.)*"|\S+/g)?.map((word) => word.replace(/^"(.*)"$/s, '$1'));
}

const ARCH = '-mhg-arch';
const TUNE = '-mhg-tune';
const END = '-mhg-end';
/** The two questions that gcc's own rule asks the processor, between words of ours. */
const ASKING = `*cc1_cpu:
${ARCH} %:local_cpu_detect(arch %{!m32:64;:32}) ${TUNE} %:local_cpu_detect(tune %{!m32:64;:32}) ${END}

`;

async function ofGcc(description: Description, machine: readonly string[]): Promise<GccNative | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'hg-native-'));
  const withSpecs = (name: string, text: string): Promise<string[] | undefined> => {
    writeFileSync(join(directory, name), text);
    return callOf(description, [`-specs=${fromNative(join(directory, name))}`, ...machine]);
  };
  try {
    const said = await withSpecs('asking', ASKING);
    const [arch, tune, end] = [ARCH, TUNE, END].map((word) => said?.indexOf(word) ?? -1) as [number, number, number];
    if (said === undefined || arch < 0 || tune < arch || end < tune) return undefined;
    const native: GccNative = { family: 'gcc', arch: said.slice(arch + 1, tune), tune: said.slice(tune + 1, end) };
    if (!isPlainNative(native) || !(await asksOnlyThere(description))) return undefined;
    const [own, ours] = [await callOf(description, machine), await withSpecs('telling', nativeSpecs(native))];
    return own !== undefined && JSON.stringify(own) === JSON.stringify(ours) ? native : undefined;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Is the rule that is replaced the only one that looks at the processor? */
async function asksOnlyThere({ request }: Description): Promise<boolean> {
  const says = await askCompiler(request.compiler, ['-dumpspecs'], { cwd: request.cwd, env: request.env });
  const rules = says?.ok === true ? says.stdout.split(/\n\n+/) : [];
  const asking = rules.filter((rule) => rule.includes('local_cpu_detect'));
  return asking.length === 1 && asking[0]?.startsWith('*cc1_cpu:') === true;
}

async function ofClang(description: Description, machine: readonly string[]): Promise<ClangNative | undefined> {
  if (asksOtherwise(machine)) return undefined;
  const own = await callOf(description, machine);
  const probe = await callOf(description, [...machine, '-march=native']);
  const cpu = probe?.[probe.indexOf('-target-cpu') + 1];
  if (own === undefined || cpu === undefined) return undefined;
  const native: ClangNative = { family: 'clang', cpu, features: apart(own).features };
  const ours = await callOf(description, withNativeNamed(machine, native));
  if (ours === undefined || !isPlainNative(native)) return undefined;
  return JSON.stringify(apart(own)) === JSON.stringify(apart(ours)) ? native : undefined;
}

/** Features of the target may stand elsewhere in the line, but these and in this order; all else must stay in its place. */
function apart(words: readonly string[]): { readonly features: readonly string[]; readonly rest: readonly string[] } {
  const isName = (i: number): boolean => words[i - 1] === '-target-feature';
  return {
    features: words.filter((_, i) => isName(i)),
    rest: words.filter((word, i) => !isName(i) && word !== '-target-feature'),
  };
}
