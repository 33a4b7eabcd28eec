// Explains why the broker did not start, with the flag or key to change.

import type { Config } from '../config/config-types.ts'
import { StartError } from '../server/start-error.ts'
import { thrownSentence } from '../thrown.ts'
import { firstListener } from './first-listener.ts'

export function startSentence(error: unknown, config: Config, file: string | null): string {
  if (!(error instanceof StartError)) return thrownSentence(error)
  const { code, message, part } = error
  if (part.kind === 'listener') return listenerSentence(message, code, part.index, config, file)
  const place = file === null ? '' : `, or store.directory in ${file}`
  switch (code) {
    case 'ERR_STORE_LOCKED':
      return `${message} Stop it, or give another folder: --data DIR${place}`
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EEXIST':
    case 'ELOOP':
    case 'ENAMETOOLONG':
    case 'ENOSPC':
      return `${message}: choose another with --data DIR${place}`
    default:
      return message
  }
}

function listenerSentence(
  message: string,
  code: string,
  index: number,
  config: Config,
  file: string | null,
): string {
  const listener = config.listeners[index]
  const key = `listeners.${index}.port${file === null ? '' : ` in ${file}`}`
  const isFirst = index === firstListener(config, listener?.protocol)
  const flag = listener?.protocol === 'ws' ? '--ws-port PORT' : '-p PORT'
  const choice = isFirst ? `${flag}, or ${key}` : key
  switch (code) {
    case 'EADDRINUSE':
      if (listener?.path !== undefined) return message
      return `${message} Stop it, or choose another port: ${choice}`
    case 'EACCES':
      return listener?.path === undefined ? `${message} Choose another: ${choice}` : message
    case 'EADDRNOTAVAIL':
      return `${message} Choose another: --host HOST, or listeners.${index}.host`
    default:
      return message.startsWith('listeners.') ? message : `listeners.${index}: ${message}`
  }
}
