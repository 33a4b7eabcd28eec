// The client's side of SCRAM, written from RFC 5802 and apart from the broker's.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

export class ScramClient {
  readonly #digest: 'sha256' | 'sha512'
  readonly #password: string
  readonly #bare: string
  #message = ''
  #salted = Buffer.alloc(0)
  readonly nonce: string

  constructor(
    username: string,
    password: string,
    digest: 'sha256' | 'sha512' = 'sha256',
    nonce: string = randomBytes(12).toString('base64'),
  ) {
    this.#digest = digest
    this.#password = password
    this.nonce = nonce
    this.#bare = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  }

  get first(): Buffer {
    return Buffer.from(`n,,${this.#bare}`)
  }

  /** Answers the server's challenge. */
  final(challenge: Buffer | undefined): Buffer {
    const asked = String(challenge)
    const { r = '', s = '', i = '0' } = fieldsOf(asked)
    const withoutProof = `c=biws,r=${r}`
    this.#message = `${this.#bare},${asked},${withoutProof}`
    const length = this.#digest === 'sha256' ? 32 : 64
    const salt = Buffer.from(s, 'base64')
    this.#salted = pbkdf2Sync(this.#password, salt, Number(i), length, this.#digest)
    const clientKey = this.#mac(this.#salted, 'Client Key')
    const storedKey = createHash(this.#digest).update(clientKey).digest()
    const signature = this.#mac(storedKey, this.#message)
    const proof = Buffer.alloc(length)
    for (let at = 0; at < length; at++) {
      proof[at] = (clientKey[at] ?? 0) ^ (signature[at] ?? 0)
    }
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`)
  }

  /** Whether the server has proved that it knows the user. */
  isProvedBy(data: Buffer | undefined): boolean {
    const serverKey = this.#mac(this.#salted, 'Server Key')
    return String(data) === `v=${this.#mac(serverKey, this.#message).toString('base64')}`
  }

  #mac(key: Buffer, text: string): Buffer {
    return createHmac(this.#digest, key).update(text).digest()
  }
}

/** The fields of a message: `r=…,s=…,i=…`. */
export function fieldsOf(message: Buffer | string | undefined): Record<string, string> {
  return Object.fromEntries(
    String(message)
      .split(',')
      .map(field => [field.slice(0, 1), field.slice(2)]),
  )
}
