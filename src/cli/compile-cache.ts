// Keeps what V8 has compiled of the command for its next start, in the cache folder of the user. Node 22 and newer can.

import { statSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { isAbsolute, join } from 'node:path'

/** What is loaded after it is kept. Where there is no folder, or it cannot be written to, nothing is. */
export function keepCompiled(environment: NodeJS.ProcessEnv): void {
  const folder = cacheFolder(environment)
  if (folder === null || !('enableCompileCache' in nodeModule)) return
  const enable: unknown = nodeModule.enableCompileCache
  if (typeof enable === 'function') enable(folder)
}

/**
 * Null if there is none that only this user writes to: what is read there runs, so neither a folder for all nor, after sudo, that of
 * somebody else will do.
 */
export function cacheFolder({ XDG_CACHE_HOME, HOME }: NodeJS.ProcessEnv): string | null {
  const own = XDG_CACHE_HOME ?? HOME
  if (own === undefined || !isAbsolute(own)) return null
  const { uid = -1, mode = 0 } = statSync(own, { throwIfNoEntry: false }) ?? {}
  if (uid !== process.getuid?.() || (mode & 0o022) !== 0) return null
  return XDG_CACHE_HOME === undefined ? join(own, '.cache/pondhawk') : join(own, 'pondhawk')
}
