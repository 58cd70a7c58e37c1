import { statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ownDevices, stampedDevices } from './own-devices.ts';

test('devices of mounts: what this kernel stamps, and what others do', () => {
  const mounts = [
    '29 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
    '30 29 0:44 / /home/a\\040b rw,nosuid shared:2 master:3 - nfs4 server:/home rw,vers=4.2',
    '31 29 0:45 / /tmp rw - tmpfs tmpfs rw',
    '32 29 259:1048577 / /data rw - xfs /dev/nvme0n1p1 rw',
    'no mount',
    '',
  ].join('\n');
  expect([...stampedDevices(mounts)]).toEqual([
    [0xfe00n, true],
    [0x2cn, false],
    [0x2dn, true],
    [0x100010301n, true],
  ]);
});

test('the kernel is asked about an unknown device once in a while, and about a known one never again', () => {
  let asked = 0;
  let now = 0;
  const read = () => {
    asked += 1;
    return asked === 1 ? '29 1 254:0 / / rw - ext4 /dev/vda rw' : '31 29 0:45 / /tmp rw - tmpfs tmpfs rw';
  };
  const isOwn = ownDevices(read, () => now);
  expect([isOwn(0xfe00n), isOwn(0xfe00n), isOwn(0x2dn)]).toEqual([true, true, false]);
  expect(asked).toBe(1);
  now = 2_000;
  expect([isOwn(0x2dn), isOwn(0x2dn)]).toEqual([true, true]);
  expect(asked).toBe(2);
});

test("of this machine: /proc is nobody's disk", () => {
  expect(ownDevices()(statSync('/proc', { bigint: true }).dev)).toBe(false);
});
