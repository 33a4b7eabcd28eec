// What was thrown: programs and libraries may throw anything.

/** Returns its sentence. */
export function thrownSentence(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** Says why a connection to another program could not be opened: its code in plain words, or the sentence of the error. */
export function unreachedSentence(thrown: unknown): string {
  // Node tries both addresses of `localhost`, and its error has the error of each.
  const first: unknown = thrown instanceof AggregateError ? thrown.errors[0] : thrown
  if (!(first instanceof Error)) return thrownSentence(first)
  const { code = '', reason } = first as Error & { code?: string; reason?: string }
  const words = UNREACHED[code]
  if (words !== undefined) return `${words} (${code})`
  // OpenSSL's reason, without the names of its files; Node's `reason` of a wrong name is its whole sentence.
  return code.startsWith('ERR_SSL_') && reason !== undefined
    ? `the TLS handshake failed: ${reason}`
    : first.message
}

const UNREACHED: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up',
  ENOENT: 'there is no such socket',
  ECONNRESET: 'the connection was reset',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what listens there does not speak TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks no version of TLS that is allowed here',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself, and is not that of caFile',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an authority that caFile does not name',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate is signed by an authority that is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate is signed by an authority that is not known here',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not know who signed our certificate',
}
