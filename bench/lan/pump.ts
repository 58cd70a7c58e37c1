/**
 * The include server of distcc-pump. Debian 12's breaks under its Python 3.11 ("PY_SSIZE_T_CLEAN macro must be defined"),
 * after which distcc preprocesses at home without a word; so a copy is run whose native helpers that take strings are
 * replaced by Python ones, with LZO from liblzo2.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signalProcess, until } from '../../test/bed/processes.ts';
import type { Host } from './hosts.ts';
import { startService } from './processes.ts';

const INSTALLED = '/usr/lib/python3/dist-packages/include_server';
const NATIVE = /^distcc_pump_c_extensions\..*\.so$/;

/** Stands in for the native module and hands on to it what works: reading and writing the protocol. */
const STAND_IN = `import ctypes, importlib.machinery, importlib.util, os, sys
_self = sys.modules[__name__]
_loader = importlib.machinery.ExtensionFileLoader('distcc_pump_c_extensions', os.environ['PUMP_NATIVE'])
_spec = importlib.util.spec_from_loader('distcc_pump_c_extensions', _loader)
_native = importlib.util.module_from_spec(_spec)
_loader.exec_module(_native)
sys.modules[__name__] = _self  # where loading has put the native one
RCwd, RArgv, XArgv = _native.RCwd, _native.RArgv, _native.XArgv
OsPathExists, OsPathIsFile, Realpath = os.path.exists, os.path.isfile, os.path.realpath
_lzo = ctypes.CDLL('liblzo2.so.2')
_work = ctypes.create_string_buffer(16384 * ctypes.sizeof(ctypes.c_void_p))
def CompressLzo1xAlloc(text):
  data = text.encode('utf-8') if isinstance(text, str) else text
  out = ctypes.create_string_buffer(len(data) + len(data) // 16 + 67)
  size = ctypes.c_size_t(len(out))
  if _lzo.lzo1x_1_compress(data, ctypes.c_size_t(len(data)), out, ctypes.byref(size), _work) != 0: raise OSError('lzo')
  return out.raw[:size.value]
`;

export interface IncludeServer {
  /** For INCLUDE_SERVER_PORT. */
  readonly socket: string;
  stop(): Promise<void>;
}

/** Why there can be no include server; undefined if there can. */
export function pumpLacks(): string | undefined {
  return existsSync(join(INSTALLED, 'include_server.py')) ? undefined : 'distcc-pump is not installed';
}

export async function startIncludeServer(
  client: Host,
  directory: string,
  env: NodeJS.ProcessEnv,
): Promise<IncludeServer> {
  const copy = join(directory, 'include_server');
  cpSync(INSTALLED, copy, { recursive: true });
  const native = readdirSync(copy).find((name) => NATIVE.test(name));
  if (native === undefined) throw new Error('distcc-pump has no native helpers');
  const aside = join(directory, native);
  renameSync(join(copy, native), aside);
  writeFileSync(join(copy, 'distcc_pump_c_extensions.py'), STAND_IN);
  // The client takes the directory of the socket for its own and writes there.
  const socket = join(directory, 'pump', 'socket');
  mkdirSync(join(directory, 'pump'));
  const pidFile = join(directory, 'pump.pid');
  const words = ['/usr/bin/python3', join(copy, 'include_server.py'), '--port', socket, '--pid_file', pidFile];
  const service = startService([...client.on, ...words], { ...env, PUMP_NATIVE: aside, PYTHONOPTIMIZE: '1' });
  if (!(await until(() => existsSync(socket) && existsSync(pidFile))))
    throw new Error(`no include server:\n${service.output()}`);
  // It goes to the background by itself.
  const pid = Number(readFileSync(pidFile, 'utf8'));
  const server: IncludeServer = { socket, stop: async () => signalProcess(pid, 'SIGTERM') };
  return server;
}
