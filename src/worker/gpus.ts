import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The graphics processors of this machine: the model where its driver says it, else vendor and device as the PCI bus has
 * them (`pci:8086:9a49`). Screens without a processor behind them are none. `root`: where the machine's files are.
 */
export function gpusOf(root = '/'): string[] {
  const nvidia = readEach(join(root, 'proc/driver/nvidia/gpus'), 'information').flatMap((text) => {
    const model = /^Model:\s*(.+?)\s*$/m.exec(text)?.[1];
    return model === undefined ? [] : [model];
  });
  const cards = join(root, 'sys/class/drm');
  const others = names(cards)
    .filter((name) => /^renderD\d+$/.test(name))
    .flatMap((name) => {
      const [vendor, device] = ['vendor', 'device'].map((file) => read(join(cards, name, 'device', file))?.trim());
      const known = /^0x[0-9a-f]{4}$/;
      if (vendor === undefined || device === undefined || !known.test(vendor) || !known.test(device)) return [];
      const isTold = vendor === NVIDIA && nvidia.length > 0;
      return isTold ? [] : [`pci:${vendor.slice(2)}:${device.slice(2)}`];
    });
  return [...nvidia, ...others];
}

/** The vendor number whose driver names its models itself. */
const NVIDIA = '0x10de';

function readEach(directory: string, file: string): string[] {
  return names(directory).flatMap((name) => read(join(directory, name, file)) ?? []);
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return []; // No such driver here.
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
