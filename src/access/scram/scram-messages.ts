// The messages of SCRAM (RFC 5802, section 7), parsed and made. Channel binding is not offered.

/** A longer one is not read: a user name and a nonce are short. */
const MESSAGE_BYTES_MAX = 4_096

/** The error for a message that is not SCRAM's, with a sentence that says nothing about users. */
export class WrongScram extends Error {}

export interface ClientFirst {
  readonly username: string
  readonly nonce: string
  /** What the client's last message must repeat. */
  readonly gs2Header: string
  /** The message without that header: a part of what is proved. */
  readonly bare: string
}

export interface ClientFinal {
  readonly gs2Header: string
  readonly nonce: string
  readonly proof: Buffer
  /** The message without its proof: a part of what is proved. */
  readonly withoutProof: string
}

const CLIENT_FIRST = /^((?:n|y|p=[\w.-]+),(?:a=([^,]*))?,)([^]+)$/
const BARE = /^n=([^,]+),r=([!-+\--~]+)(?:,[^]*)?$/
const CLIENT_FINAL = /^(c=([\w+/=]+),r=([!-+\--~]+)(?:,[^]*)?),p=([\w+/=]+)$/

/** Throws WrongScram. */
export function clientFirstIn(data: Buffer | null): ClientFirst {
  const [, gs2Header, authorizedAs, bare] = CLIENT_FIRST.exec(textIn(data)) ?? []
  if (gs2Header === undefined || bare === undefined) {
    throw new WrongScram('expected n,,n=USER,r=NONCE')
  }
  if (gs2Header.startsWith('p=')) throw new WrongScram('channel binding is not offered')
  if (bare.startsWith('m=')) throw new WrongScram('an extension of SCRAM that is not known')
  const [, written, nonce] = BARE.exec(bare) ?? []
  if (written === undefined || nonce === undefined) {
    throw new WrongScram('expected n,,n=USER,r=NONCE')
  }
  if (authorizedAs !== undefined && authorizedAs !== written) {
    throw new WrongScram('nobody may act for another user')
  }
  return { username: nameIn(written), nonce, gs2Header, bare }
}

/** Throws WrongScram. */
export function clientFinalIn(data: Buffer | null): ClientFinal {
  const [, withoutProof, binding, nonce, proof] = CLIENT_FINAL.exec(textIn(data)) ?? []
  if (withoutProof === undefined || binding === undefined || nonce === undefined) {
    throw new WrongScram('expected c=HEADER,r=NONCE,p=PROOF')
  }
  return {
    gs2Header: Buffer.from(binding, 'base64').toString(),
    nonce,
    proof: Buffer.from(proof ?? '', 'base64'),
    withoutProof,
  }
}

export function serverFirst(nonce: string, salt: Buffer, iterations: number): string {
  return `r=${nonce},s=${salt.toString('base64')},i=${iterations}`
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textIn(data: Buffer | null): string {
  if (data === null) throw new WrongScram('a message of SCRAM is missing')
  if (data.length > MESSAGE_BYTES_MAX) {
    throw new WrongScram(`a message of SCRAM has ${MESSAGE_BYTES_MAX} bytes at most`)
  }
  try {
    const text = UTF8.decode(data)
    if (!text.includes('\0')) return text
  } catch {
    // What is not UTF-8 is wrong as well.
  }
  throw new WrongScram('a message of SCRAM is text, in UTF-8 and without zero bytes')
}

/** A comma is written as `=2C` and an equals sign as `=3D`. */
function nameIn(written: string): string {
  if (/=(?!2C|3D)/.test(written)) throw new WrongScram('= in a user name is written =3D')
  return written.replaceAll('=2C', ',').replaceAll('=3D', '=')
}
