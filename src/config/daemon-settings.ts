import type { SettingTable } from './setting-spec.ts';
import {
  booleanType,
  durationType,
  hostType,
  listenType,
  optionalPathType,
  pathType,
  portType,
  type Slots,
  sizeType,
  slotsType,
  workerNameType,
} from './value-types.ts';

/** How `hg-coord serve` and `hg-worker serve` run. */
export interface DaemonSettings {
  readonly 'coordinator.host': string;
  readonly 'coordinator.grpc_port': number;
  readonly 'coordinator.http_port': number;
  readonly 'coordinator.data_dir': string;
  readonly 'coordinator.max_size': number;
  readonly 'coordinator.heartbeat': number;
  readonly 'coordinator.tls_cert': string;
  readonly 'coordinator.tls_key': string;
  readonly 'coordinator.tls_client_ca': string;
  readonly 'coordinator.insecure': boolean;
  readonly 'worker.slots': Slots;
  readonly 'worker.work_dir': string;
  readonly 'worker.max_size': number;
  readonly 'worker.name': string;
  readonly 'worker.own_toolchains': boolean;
  readonly 'worker.listen': string;
  readonly 'worker.insecure': boolean;
}

const GIB = 1024 ** 3;

export const DAEMON_SETTINGS: SettingTable<DaemonSettings> = {
  'coordinator.host': {
    type: hostType,
    initial: '127.0.0.1',
    variable: 'HG_COORD_HOST',
    projectMaySet: false,
    effect: 'where hg-coord listens; 0.0.0.0 is the whole LAN',
  },
  'coordinator.grpc_port': {
    type: portType,
    initial: 9000,
    variable: 'HG_COORD_GRPC_PORT',
    projectMaySet: false,
    effect: "hg-coord's port for agents and workers; 0 is any",
  },
  'coordinator.http_port': {
    type: portType,
    initial: 8080,
    variable: 'HG_COORD_HTTP_PORT',
    projectMaySet: false,
    effect: "hg-coord's port for blobs, the status page and metrics; 0 is any",
  },
  'coordinator.data_dir': {
    type: pathType,
    initial: '',
    usually: '~/.local/share/hybridgrid/coordinator',
    variable: 'HG_COORD_DATA_DIR',
    projectMaySet: false,
    effect: 'where hg-coord keeps the shared cache',
  },
  'coordinator.max_size': {
    type: sizeType,
    initial: 20 * GIB,
    variable: 'HG_COORD_MAX_SIZE',
    projectMaySet: false,
    effect: 'the least recently used results of the shared cache are removed above this size',
  },
  'coordinator.heartbeat': {
    type: durationType,
    initial: 10_000,
    variable: 'HG_COORD_HEARTBEAT',
    projectMaySet: false,
    effect: 'how often workers say that they live; after three times without they are lost',
  },
  'coordinator.tls_cert': {
    type: optionalPathType,
    initial: '',
    variable: 'HG_COORD_TLS_CERT',
    projectMaySet: false,
    effect: "hg-coord's certificate chain (PEM): with it and its key both ports speak TLS",
  },
  'coordinator.tls_key': {
    type: optionalPathType,
    initial: '',
    variable: 'HG_COORD_TLS_KEY',
    projectMaySet: false,
    effect: 'the private key (PEM) of that certificate',
  },
  'coordinator.tls_client_ca': {
    type: optionalPathType,
    initial: '',
    variable: 'HG_COORD_TLS_CLIENT_CA',
    projectMaySet: false,
    effect: 'clients and workers have to show a certificate that these authorities (PEM) signed',
  },
  'coordinator.insecure': {
    type: booleanType,
    initial: false,
    variable: 'HG_COORD_INSECURE',
    projectMaySet: false,
    effect:
      'true lets hg-coord listen beyond this machine without TLS: sources, objects and the token can be read there',
  },
  'worker.slots': {
    type: slotsType,
    initial: 'auto',
    variable: 'HG_WORKER_SLOTS',
    projectMaySet: false,
    effect: 'compiles at once on this worker',
  },
  'worker.work_dir': {
    type: pathType,
    initial: '',
    usually: '~/.cache/hybridgrid-worker',
    variable: 'HG_WORKER_WORK_DIR',
    projectMaySet: false,
    effect: 'where a worker keeps blobs and files of clients',
  },
  'worker.max_size': {
    type: sizeType,
    initial: 10 * GIB,
    variable: 'HG_WORKER_MAX_SIZE',
    projectMaySet: false,
    effect: 'the least recently used blobs of a worker are removed above this size',
  },
  'worker.name': {
    type: workerNameType,
    initial: '',
    variable: 'HG_WORKER_NAME',
    projectMaySet: false,
    effect: 'how this worker is called; auto is the name of the machine and a number',
  },
  'worker.own_toolchains': {
    type: booleanType,
    initial: false,
    variable: 'HG_WORKER_OWN_TOOLCHAINS',
    projectMaySet: false,
    effect: '`true`: only compilers installed on this worker run; others are not taken from clients',
  },
  'worker.listen': {
    type: listenType,
    initial: 'auto',
    variable: 'HG_WORKER_LISTEN',
    projectMaySet: false,
    effect: 'where clients bring compiles to this worker themselves; auto is any port on its way to the coordinator',
  },
  'worker.insecure': {
    type: booleanType,
    initial: false,
    variable: 'HG_WORKER_INSECURE',
    projectMaySet: false,
    effect:
      'true lets clients come to this worker from beyond this machine without TLS, as `coordinator.insecure` does',
  },
};
