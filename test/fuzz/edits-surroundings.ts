/** Edits around the sources: precompiled headers, data, response files, settings, compilers and assemblers. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pick } from './command-lines-generator.ts';
import { type Edit, headersOf, keepingTimes, kindOf, type Site, text } from './edits-files.ts';
import { DIRECTORIES, responseText } from './edits-line.ts';
import { chance, NAMES, withOtherDigit } from './edits-texts.ts';
import { installProgram, writeIn } from './edits-tree.ts';

export const SURROUNDING_EDITS: readonly Edit[] = [
  { name: 'precompiled header appears', weight: 1, apply: precompile },
  {
    name: 'precompiled header gone',
    weight: 2,
    apply: ({ root }) => {
      const found = [...DIRECTORIES, 'src'].flatMap((directory) =>
        NAMES.map((name) => join(root, directory, `${name}.gch`)).filter((path) => kindOf(path) !== 'absent'),
      );
      for (const path of found) rmSync(path, { recursive: true, force: true });
      return found.length > 0;
    },
  },
  {
    name: 'binary data changed',
    weight: 1,
    apply: ({ root, random }) => done(() => writeIn(root, 'data.bin', `a${random()}`)),
  },
  {
    name: 'response file changed',
    weight: 2,
    apply: ({ root, random }) => done(() => writeIn(root, 'args.rsp', responseText(random))),
  },
  {
    name: 'settings file',
    weight: 1,
    apply: ({ root, random }) => {
      const path = join(root, 'hybridgrid.yaml');
      if (kindOf(path) === 'file') rmSync(path);
      else
        writeFileSync(path, pick(random, ['cache:\n  enabled: false\n', 'compile:\n  quiet: true\n', 'no: [sense\n']));
      return true;
    },
  },
  { name: 'compiler upgraded in place', weight: 2, apply: upgrade },
  {
    name: 'compiler link turned',
    weight: 2,
    apply: ({ root, tools, random }) => turn(join(root, 'tools/linked/gcc'), pick(random, tools.drivers)),
  },
  {
    name: 'link in PWD turned',
    weight: 2,
    apply: ({ root, random }) => turn(`${root}.here`, pick(random, [root, `${root}/src`, `${root}/nowhere`])),
  },
  { name: 'assembler shadowed', weight: 1, apply: shadowAssembler },
];

function done(action: () => void): boolean {
  action();
  return true;
}

function turn(link: string, target: string): boolean {
  rmSync(link, { force: true });
  symlinkSync(target, link);
  return true;
}

/** A real one made of other bytes than the header has now, or something that only bears the name. */
function precompile({ root, random }: Site): boolean {
  const path = join(root, pick(random, headersOf(root)));
  const name = `${path}.gch`;
  if (kindOf(name) !== 'absent') return false;
  const roll = random();
  if (roll < 0.35) writeFileSync(name, 'no precompiled header\n');
  else if (roll < 0.5) mkdirSync(name);
  else {
    const before = text(path);
    keepingTimes(path, () => {
      writeFileSync(path, withOtherDigit(before, random));
      try {
        execFileSync('gcc', ['-x', 'c-header', '-I', join(root, 'd0'), path, '-o', name], { stdio: 'ignore' });
      } catch {
        // The header does not compile by itself; nothing appears then.
      }
      writeFileSync(path, before);
    });
  }
  return true;
}

function upgrade({ root, tools, random }: Site): boolean {
  const to = join(root, 'tools/gcc');
  const from = pick(random, tools.drivers);
  const roll = random();
  if (roll < 0.5) keepingTimes(to, () => installProgram(from, to, chance(random, 0.5)));
  else installProgram(from, to, chance(random, 0.5));
  return true;
}

function shadowAssembler({ root, tools, random }: Site): boolean {
  const to = join(root, 'tools/bin/as');
  if (kindOf(to) === 'file' && chance(random, 0.4)) rmSync(to);
  else installProgram(pick(random, tools.assemblers), to, false);
  return readdirSync(dirname(to)).length >= 0;
}
