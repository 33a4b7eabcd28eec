// Checks the first bytes on the plain MQTT port. A client of another protocol gets an answer, and the log a sentence.

const TLS_HANDSHAKE = 0x16
const TLS_MAJOR_VERSION = 0x03
const HTTP_METHODS = ['GET ', 'POST', 'PUT ', 'HEAD', 'OPTI', 'DELE', 'PATC', 'CONN', 'PRI ']

export interface WrongProtocol {
  /** The sentence for the log. */
  readonly sentence: string
  /** The answer to the client, in its own protocol; null if there is none. */
  readonly answer: string | null
}

const TLS: WrongProtocol = {
  sentence: 'it speaks TLS to the plain MQTT port; MQTT over TLS is usually on port 8883',
  answer: null,
}

const EXPLANATION =
  'This is the MQTT port. A browser wants the web page or a WebSocket, which are on the HTTP port (8083 by default).\n'

const HTTP: WrongProtocol = {
  sentence: 'it speaks HTTP to the MQTT port; the web page and WebSocket are on the HTTP port',
  answer: [
    'HTTP/1.1 400 Bad Request',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(EXPLANATION)}`,
    'Connection: close',
    '',
    EXPLANATION,
  ].join('\r\n'),
}

/** Returns the protocol that the client uses, or null when the bytes may be MQTT. */
export function wrongProtocolOf(chunk: Buffer): WrongProtocol | null {
  // CONNECT begins with 0x10. This is the common case.
  if (chunk[0] === 0x10) return null
  if (chunk[0] === TLS_HANDSHAKE && chunk[1] === TLS_MAJOR_VERSION) return TLS
  return HTTP_METHODS.includes(chunk.toString('latin1', 0, 4)) ? HTTP : null
}
