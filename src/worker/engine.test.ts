import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { engineOf } from './engine.ts';

const directory = mkdtempSync(join(tmpdir(), 'hg-engine-'));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('docker before podman, whichever is a program in PATH; none is no word', () => {
  const path = `relative:${directory}:/nowhere`;
  expect(engineOf(path)).toBe('');
  writeFileSync(join(directory, 'podman'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(directory, 'docker'), 'no program\n', { mode: 0o644 });
  expect(engineOf(path)).toBe('podman');
  chmodSync(join(directory, 'docker'), 0o755);
  expect(engineOf(path)).toBe('docker');
});
