import type { SettingTable } from './setting-spec.ts';
import { addressType, booleanType, optionalPathType, pathType, type Slots, slotsType } from './value-types.ts';

/** How a grid is used: by clients, and by workers on their way to the coordinator. */
export interface GridSettings {
  readonly 'grid.coordinator': string;
  readonly 'grid.token_file': string;
  readonly 'grid.local_slots': Slots;
  readonly 'grid.fallback': boolean;
  readonly 'grid.direct': boolean;
  readonly 'grid.tls_ca': string;
  readonly 'grid.tls_cert': string;
  readonly 'grid.tls_key': string;
}

// None of these may come with somebody's sources: they say whom this machine trusts.
export const GRID_SETTINGS: SettingTable<GridSettings> = {
  'grid.coordinator': {
    type: addressType,
    initial: '',
    variable: 'HG_COORDINATOR',
    projectMaySet: false,
    effect: 'the coordinator whose workers and shared cache are used as well',
  },
  'grid.token_file': {
    type: pathType,
    initial: '',
    usually: '~/.config/hybridgrid/token',
    variable: 'HG_TOKEN_FILE',
    projectMaySet: false,
    effect: 'the file with the token that coordinator, workers and clients share',
  },
  'grid.local_slots': {
    type: slotsType,
    initial: 'auto',
    variable: 'HG_LOCAL_SLOTS',
    projectMaySet: false,
    effect: 'compiles at once on this machine while there is a coordinator; more go to workers or wait',
  },
  'grid.fallback': {
    type: booleanType,
    initial: true,
    variable: 'HG_NO_FALLBACK',
    inverted: true,
    projectMaySet: false,
    effect: 'false fails a compile that the grid could do and does not, instead of doing it here',
  },
  'grid.direct': {
    type: booleanType,
    initial: true,
    variable: 'HG_NO_DIRECT',
    inverted: true,
    projectMaySet: false,
    effect: 'compiles go straight to workers that can be reached; false sends them all through the coordinator',
  },
  'grid.tls_ca': {
    type: optionalPathType,
    initial: '',
    variable: 'HG_TLS_CA',
    projectMaySet: false,
    effect:
      "the authorities (PEM) that the coordinator's certificate is checked against; TLS is spoken where it is set",
  },
  'grid.tls_cert': {
    type: optionalPathType,
    initial: '',
    variable: 'HG_TLS_CERT',
    projectMaySet: false,
    effect: 'the certificate (PEM) of this client or worker, for a coordinator that asks for one',
  },
  'grid.tls_key': {
    type: optionalPathType,
    initial: '',
    variable: 'HG_TLS_KEY',
    projectMaySet: false,
    effect: 'the private key (PEM) of that certificate',
  },
};
