/** Who is trusted at the other end and, where it asks, who we are. PEM texts. */
export interface TlsIdentity {
  /** Authorities; absent: those of the system. */
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}
