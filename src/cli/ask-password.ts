// Reads a password: typed at a terminal, without showing it, or from standard input.

import { UsageError } from './flags.ts'

/** The longest password in CONNECT, in bytes. */
const PASSWORD_BYTES_MAX = 65_535

/** Asks twice at a terminal; otherwise reads the first line of standard input. Throws UsageError. */
export async function askPassword(name: string): Promise<string> {
  const { stdin } = process
  if (!stdin.isTTY) return checkedPassword((await everything()).split(/\r?\n/)[0] ?? '')
  const password = checkedPassword(await typed(`Password for ${name}: `))
  if ((await typed('Once more: ')) !== password) throw new UsageError('The two are not the same.')
  return password
}

export function checkedPassword(password: string): string {
  if (password === '') throw new UsageError('A password is not empty.')
  if (Buffer.byteLength(password) <= PASSWORD_BYTES_MAX) return password
  throw new UsageError(`A password has ${PASSWORD_BYTES_MAX} bytes at most.`)
}

/** SCRAM prepares other characters (RFC 4013), and many clients do not: then the right password would be wrong. */
export function scramPassword(password: string): string {
  if (/^[ -~]+$/.test(password)) return password
  throw new UsageError('A password for SCRAM has printable characters of ASCII only.')
}

async function everything(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Buffer))
  return Buffer.concat(chunks).toString()
}

const INTERRUPTED = 130

/** Reads typed characters until Enter. */
function typed(question: string): Promise<string> {
  const { stdin, stderr } = process
  stderr.write(question)
  stdin.setRawMode(true)
  stdin.resume()
  return new Promise(resolve => {
    let text = ''
    const hear = (chunk: Buffer): void => {
      for (const sign of chunk.toString()) {
        if (sign === '\u0003') process.exit(INTERRUPTED)
        if (sign === '\r' || sign === '\n') return done()
        text = sign === '\u007f' ? text.replace(/.$/u, '') : text + sign
      }
    }
    const done = (): void => {
      stdin.off('data', hear)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
      resolve(text)
    }
    stdin.on('data', hear)
  })
}
