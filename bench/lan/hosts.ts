/** Hosts on one machine: network namespaces joined by a LAN. They share the file system and nothing of the network. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type CpuAccount, openCpuAccount } from './cpu-account.ts';
import { type Service, startService } from './processes.ts';

export interface Traffic {
  readonly sent: number;
  readonly received: number;
}

export interface Host {
  readonly address: string;
  /** Before any command that is to run on this host. */
  readonly on: readonly string[];
  /** Bytes that crossed its interface so far, headers of Ethernet, IP and TCP included. */
  traffic(): Traffic;
  /** CPU time of all that ran on it so far, in milliseconds; NaN where that is not accounted. */
  cpuMs(): number;
}

export interface Lan {
  readonly hosts: readonly Host[];
  end(): Promise<void>;
}

/** What lies between the hosts. */
export type Link =
  /** Two hosts, as fast as the kernel copies. */
  | { readonly kind: 'direct' }
  /** A switch: `mbit` per second to and from every host, `delayMs` each way. */
  | { readonly kind: 'switch'; readonly mbit: number; readonly delayMs: number };

export interface HostPlan {
  readonly name: string;
  /** The only processor it has; all of them if absent. */
  readonly core?: number;
}

function ip(...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}

/** Why no hosts can be made here; undefined if they can. */
export function noHosts(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces are made by root only';
  const lacking = ['ip', 'nsenter', 'taskset'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
  if (lacking.length > 0) return `${lacking.join(', ')} not found (Debian: apt-get install iproute2 util-linux)`;
  return existsSync('/dev/net/tun') ? undefined : 'there is no /dev/net/tun for a switch';
}

function trafficOf(namespace: string): Traffic {
  const [link] = JSON.parse(ip('-n', namespace, '-s', '-j', 'link', 'show', 'dev', 'lan0')) as {
    stats64: { rx: { bytes: number }; tx: { bytes: number } };
  }[];
  return { sent: link?.stats64.tx.bytes ?? 0, received: link?.stats64.rx.bytes ?? 0 };
}

async function startSwitch(directory: string, namespaces: readonly string[], link: Link): Promise<Service | undefined> {
  if (link.kind === 'direct') {
    const [one = '', other = ''] = namespaces;
    ip('link', 'add', 'lan0', 'netns', one, 'type', 'veth', 'peer', 'name', 'lan0', 'netns', other);
    return undefined;
  }
  const program = join(directory, 'switch');
  const source = join(import.meta.dirname, 'switch.c');
  const built = spawnSync('gcc', ['-O2', '-Wall', '-o', program, source], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`the switch could not be compiled: ${built.error?.message ?? built.stderr}`);
  const rates = [String(link.mbit * 1_000_000), String(link.delayMs * 1000)];
  const service = startService([program, ...rates, ...namespaces], process.env);
  await service.says(/ready/);
  return service;
}

/** Makes the hosts and joins them; what the switch is compiled to lies in `directory`. */
export async function openLan(directory: string, plans: readonly HostPlan[], link: Link): Promise<Lan> {
  const namespaces = plans.map(({ name }) => `hg${process.pid}-${name}`);
  const accounts: (CpuAccount | undefined)[] = namespaces.map(openCpuAccount);
  let joined: Service | undefined;
  const end = async (): Promise<void> => {
    await joined?.stop();
    for (const namespace of namespaces) spawnSync('ip', ['netns', 'del', namespace]);
    for (const account of accounts) await account?.remove();
  };
  try {
    for (const namespace of namespaces) ip('netns', 'add', namespace);
    joined = await startSwitch(directory, namespaces, link);
    for (const [i, namespace] of namespaces.entries()) {
      // Silence: neighbour discovery would be counted as traffic.
      spawnSync('ip', ['netns', 'exec', namespace, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6']);
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      ip('-n', namespace, 'addr', 'add', `10.77.0.${i + 1}/24`, 'dev', 'lan0');
      ip('-n', namespace, 'link', 'set', 'lan0', 'up');
    }
  } catch (error) {
    await end();
    throw error;
  }
  const hosts = plans.map(({ core }, i): Host => {
    const namespace = namespaces[i] ?? '';
    // Not `ip netns exec`: it makes a mount namespace each time, and every one would have an agent of its own.
    const enter = [...(accounts[i]?.join ?? []), 'nsenter', `--net=/run/netns/${namespace}`, '--'];
    return {
      address: `10.77.0.${i + 1}`,
      on: core === undefined ? enter : [...enter, 'taskset', '-c', String(core)],
      traffic: () => trafficOf(namespace),
      cpuMs: () => accounts[i]?.usedMs() ?? Number.NaN,
    };
  });
  return { hosts, end };
}
