import { lstatSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { absentGroups } from './absent-groups.ts';
import { inTree } from './testing/tree.ts';

function kindOf(path: string) {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? 'absent' : found.isDirectory() ? 'directory' : 'file';
  } catch {
    return 'absent';
  }
}

const isEntry = (path: string) => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

test('each path is its topmost absent component in its deepest existing directory', () => {
  inTree({ 'a/b/x': '', f: '', 'a/dangling': { link: 'nowhere' } }, (root) => {
    const groups = absentGroups(
      [
        ...['a/b/n.h', 'a/b/c/d/n.h', 'a/b/c/m.h', 'a/none/../n.h', 'a/dangling', 'a/dangling/deeper'],
        ...['f/n.h', 'a/b/x/y/n.h', 'a//b/./n.h', 'top.h'],
      ].map((path) => `${root}/${path}`),
      kindOf,
      isEntry,
    );
    expect(groups).toEqual([
      { dir: `${root}/a/b`, names: ['n.h', 'c'], byName: ['x/y'] },
      { dir: `${root}/a`, names: ['none'], byName: ['dangling'] },
      { dir: root, names: ['top.h'], byName: ['f/n.h'] },
    ]);
  });
});

test('the root directory has a name', () => {
  expect(absentGroups(['/surely-not-there/x', '/neither.h'], kindOf)).toEqual([
    { dir: '/', names: ['surely-not-there', 'neither.h'], byName: [] },
  ]);
});

test('no path is asked for twice, and no more than needed', () => {
  const asked: string[] = [];
  const kind = (path: string) => {
    asked.push(path);
    return path.startsWith('/d/none') ? 'absent' : 'directory';
  };
  absentGroups(['/d/a.h', '/d/b.h', '/d/none/x/a.h', '/d/none/x/b.h', '/d/none/c.h'], kind);
  expect(asked).toEqual(['/d', '/d/none/x', '/d/none']);
});
