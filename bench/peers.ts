/** The programs that ours is measured beside, installed where they are missing and that can be done. */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { isInstalled } from './lan/installed.ts';
import { pumpLacks } from './lan/pump.ts';

interface Peer {
  /** Of Debian. */
  readonly package: string;
  isThere(): boolean;
}

const program = (name: string, debianPackage = name): Peer => ({
  package: debianPackage,
  isThere: () => isInstalled(name),
});

/** And hyperfine, a second clock. */
const PEERS: readonly Peer[] = [
  program('ccache'),
  program('sccache'),
  program('distcc'),
  { package: 'distcc-pump', isThere: () => pumpLacks() === undefined },
  program('icecc'),
  program('hyperfine'),
  program('ip', 'iproute2'),
];

/** Debian packages of what is missing. */
export const missingPeers = (peers: readonly Peer[] = PEERS): readonly string[] =>
  peers.filter((peer) => !peer.isThere()).map((peer) => peer.package);

const PATIENCE_MS = 5 * 60_000;
const WAIT_FOR_LOCK = ['-o', 'DPkg::Lock::Timeout=120'];

/**
 * Installs one after the other, so that one that is not to be had keeps nobody else away. Says what it does and what did
 * not work; a row whose peer is missing says so again.
 */
export function installPeers(say: (text: string) => void): void {
  const missing = missingPeers();
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    say(`missing, and only root can install them with apt-get: ${missing.join(' ')}`);
    return;
  }
  const apt = (...words: readonly string[]): string | undefined => {
    const { status, stderr, error } = spawnSync('apt-get', ['-q', '-y', ...WAIT_FOR_LOCK, ...words], {
      encoding: 'utf8',
      timeout: PATIENCE_MS,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    return status === 0 ? undefined : (error?.message ?? stderr.trim().split('\n').at(-1) ?? `status ${status}`);
  };
  say(`installing: ${missing.join(' ')}`);
  withoutServices(() => {
    const trouble = apt('update');
    if (trouble !== undefined) say(`apt-get update: ${trouble}`);
    for (const name of missing) {
      const why = apt('install', '--no-install-recommends', name);
      if (why !== undefined) say(`${name} could not be installed: ${why}`);
    }
  });
}

/** Asked by packages that would start a daemon; 101: it is not allowed. */
const POLICY = '/usr/sbin/policy-rc.d';

/** icecc's package starts a daemon for the whole machine, which nobody has asked for. */
function withoutServices(work: () => void): void {
  const isOurs = !existsSync(POLICY);
  if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    work();
  } finally {
    if (isOurs) rmSync(POLICY);
  }
}
