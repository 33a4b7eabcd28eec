// Asks the running broker, by the admin socket in the directory of its store.

import { existsSync } from 'node:fs'
import { request } from 'node:http'
import type { Config } from '../config/config-types.ts'
import { adminSocketIn } from '../server/admin-socket.ts'
import { storeDirectory } from '../server/create-store.ts'
import { PATH_BYTES_MAX } from '../transport/unix-socket.ts'

/** Throws an error with a sentence when there is no store. */
export function directoryOf(config: Config): string {
  if (config.store.durability === 'memory') {
    throw new Error(
      'a broker with store.durability: memory has no admin socket, because it has no directory',
    )
  }
  const directory = storeDirectory(config)
  if (!existsSync(directory)) throw new Error(`there is no store in ${directory}`)
  return directory
}

/** Returns the answer of the running broker, or null when none runs. */
export function asked(
  directory: string,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
): Promise<string | null> {
  const socketPath = adminSocketIn(directory)
  // The broker has no socket there, and the system would take the beginning of the path for another one.
  if (Buffer.byteLength(socketPath) > PATH_BYTES_MAX) return Promise.resolve(null)
  return new Promise((settle, failed) => {
    const question = request({ socketPath, method, path }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => {
        if (response.statusCode === 200) settle(text)
        else failed(new Error(`the broker answers ${response.statusCode}: ${text.trim()}`))
      })
      response.on('error', failed)
    })
    question.on('error', (error: NodeJS.ErrnoException) => {
      const { code } = error
      // A broker that was killed leaves a socket on which nobody listens.
      if (code === 'ENOENT' || code === 'ECONNREFUSED') settle(null)
      else failed(new Error(`${socketPath} cannot be opened (${code ?? error.message})`))
    })
    question.end()
  })
}
