import { readFileSync } from 'node:fs';

/**
 * File systems of Linux whose inodes the kernel stamps with its coarse clock when something changes (current_time). Not
 * among them: what another machine or another program stamps (NFS, 9p, virtiofs, FUSE), what keeps time its own way (ZFS),
 * and whatever is not known here.
 */
const STAMPED_HERE = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'tmpfs', 'ramfs', 'overlay']);

/** Unknown devices are looked for again at most so often, in milliseconds: btrfs names some that no mount has. */
const LOOK_AGAIN_MS = 1_000;

/** Tells of devices, as stat names them, whether this kernel stamps what lies on them. */
export function ownDevices(
  readMounts: () => string = mountsNow,
  now: () => number = () => performance.now(),
): (device: bigint) => boolean {
  let known: ReadonlyMap<bigint, boolean> = new Map();
  let readAt = Number.NEGATIVE_INFINITY;
  return (device) => {
    if (!known.has(device) && now() - readAt >= LOOK_AGAIN_MS) {
      readAt = now();
      known = stampedDevices(readMounts());
    }
    return known.get(device) === true;
  };
}

/** Where there is no /proc, nothing is known. */
function mountsNow(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'latin1');
  } catch {
    return '';
  }
}

/** Lines of proc_pid_mountinfo(5): `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS`. */
export function stampedDevices(mounts: string): ReadonlyMap<bigint, boolean> {
  const devices = new Map<bigint, boolean>();
  for (const line of mounts.split('\n')) {
    const found = /^\d+ \d+ (\d+):(\d+) .* - (\S+) /.exec(line);
    if (found === null) continue;
    const [, major = '', minor = '', type = ''] = found;
    devices.set(deviceNumber(BigInt(major), BigInt(minor)), STAMPED_HERE.has(type));
  }
  return devices;
}

/** As glibc's makedev puts them together. */
function deviceNumber(major: bigint, minor: bigint): bigint {
  return ((major & 0xfffff000n) << 32n) | ((major & 0xfffn) << 8n) | ((minor & 0xffffff00n) << 12n) | (minor & 0xffn);
}
