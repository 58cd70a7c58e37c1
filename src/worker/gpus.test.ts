import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { gpusOf } from './gpus.ts';

let root = '';
afterEach(() => rmSync(root, { recursive: true, force: true }));

function machineWith(files: Readonly<Record<string, string>>): string {
  root = mkdtempSync(join(tmpdir(), 'hg-gpus-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test('models that a driver names, and the numbers of all others', () => {
  const machine = machineWith({
    'proc/driver/nvidia/gpus/0000:01:00.0/information': 'Model: \t\t NVIDIA RTX A2000\nIRQ:   150\n',
    'sys/class/drm/renderD128/device/vendor': '0x8086\n',
    'sys/class/drm/renderD128/device/device': '0x9a49\n',
    'sys/class/drm/renderD129/device/vendor': '0x10de\n',
    'sys/class/drm/renderD129/device/device': '0x2531\n',
    'sys/class/drm/card0/device/vendor': '0x1a03\n',
    'sys/class/drm/card0/device/device': '0x2000\n',
  });
  expect(gpusOf(machine)).toEqual(['NVIDIA RTX A2000', 'pci:8086:9a49']);
});

test('without a driver that tells its model, its numbers; what cannot be read is none', () => {
  const machine = machineWith({
    'sys/class/drm/renderD128/device/vendor': '0x10de\n',
    'sys/class/drm/renderD128/device/device': '0x2531\n',
    'sys/class/drm/renderD129/device/vendor': 'virtio\n',
  });
  expect(gpusOf(machine)).toEqual(['pci:10de:2531']);
  expect(gpusOf(join(machine, 'nowhere'))).toEqual([]);
});
