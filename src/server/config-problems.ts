// Problems of a configuration that no single key shows: two listeners in one place, files that cannot be used.
// `pondhawk check` finds all of them; a start finds those that need no file.

import { accessSync, constants, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { AccessFileError } from '../access/access-file.ts'
import { readAccess } from '../access/access-settings.ts'
import type { Config, ListenerConfig } from '../config/config-types.ts'
import { realmAccess } from '../config/realms.ts'
import { storeDirectory } from './create-store.ts'
import { checkTlsFiles } from '../transport/tls-files.ts'

/**
 * All problems that prevent a start with this valid configuration, for whoever asks from outside of the machine: a sentence about a line
 * of a file of users or rules may quote it, so that any file could be read by naming it.
 */
export async function allProblems(config: Config, file: string | null): Promise<string[]> {
  const ofAccess = accessError(config)?.problems ?? []
  const [first] = ofAccess
  return [
    ...listenerProblems(config, file),
    ...(await placeProblems(config)),
    ...(first === undefined
      ? []
      : [
          `access: ${first.place} is wrong: pondhawk check, on the machine of the broker, says how`,
        ]),
  ]
}

/** There must be a listener, and no two in the same place. */
export function listenerProblems(config: Config, file: string | null): string[] {
  if (config.listeners.length === 0) {
    return [`listeners: there is none, so nobody can connect (${file ?? 'configuration'})`]
  }
  return config.listeners.flatMap((listener, index) => {
    const earlier = config.listeners.slice(0, index).findIndex(each => isSamePlace(each, listener))
    if (earlier < 0) return []
    const { path, host, port } = listener
    const key = path === undefined ? 'port' : 'path'
    const place = path ?? `${host}:${port}`
    return [`listeners.${index}.${key}: ${place} belongs to listeners.${earlier} already`]
  })
}

function isSamePlace(one: ListenerConfig, other: ListenerConfig): boolean {
  if (one.path !== undefined || other.path !== undefined) return one.path === other.path
  if (one.port !== other.port || one.port === 0) return false
  const hosts = [plainHost(one.host), plainHost(other.host)]
  if (hosts[0] === hosts[1] || hosts.includes('::')) return true
  // `0.0.0.0` includes all IPv4 addresses and no IPv6 address.
  return hosts.includes('0.0.0.0') && !hosts.some(host => host.includes(':'))
}

function plainHost(host: string): string {
  if (host === 'localhost') return '127.0.0.1'
  return host === '' ? '::' : host
}

/** Problems with certificates, users, rules, socket paths and the directory of the store. */
export async function fileProblems(config: Config): Promise<string[]> {
  const ofAccess = accessError(config)
  return [...(await placeProblems(config)), ...(ofAccess === null ? [] : [ofAccess.message])]
}

function accessError(config: Config): AccessFileError | null {
  try {
    readAccess(config.access)
    for (const listener of config.listeners) readAccess(realmAccess(listener, config))
    return null
  } catch (error) {
    if (error instanceof AccessFileError) return error
    throw error
  }
}

async function placeProblems(config: Config): Promise<string[]> {
  const problems: string[] = []
  for (const [index, { tls, path }] of config.listeners.entries()) {
    if (tls !== undefined) {
      for (const each of await checkTlsFiles(tls)) problems.push(`listeners.${index}.tls: ${each}`)
    }
    const problem = path === undefined ? null : socketFolderProblem(dirname(resolve(path)))
    if (problem !== null) problems.push(`listeners.${index}.path: ${problem}`)
  }
  if (config.store.durability !== 'memory') {
    const problem = folderProblem(resolve(storeDirectory(config)))
    if (problem !== null) problems.push(`store.directory: ${problem}`)
  }
  const { jetstream } = config.store
  return [
    ...problems,
    ...Object.entries(config.bridges).flatMap(([name, each]) =>
      unreadableFiles(`bridges.${name}`, each),
    ),
    ...(jetstream === undefined ? [] : unreadableFiles('store.jetstream', jetstream)),
  ]
}

/** What another server is connected to with. */
interface ConnectionFiles {
  readonly passwordFile?: string | undefined
  readonly credentialsFile?: string | undefined
  readonly tls?:
    | {
        readonly caFile?: string | undefined
        readonly certFile?: string | undefined
        readonly keyFile?: string | undefined
      }
    | undefined
}

function unreadableFiles(section: string, connection: ConnectionFiles): readonly string[] {
  const { passwordFile, credentialsFile, tls } = connection
  const { caFile, certFile, keyFile } = tls ?? {}
  const files = {
    passwordFile,
    credentialsFile,
    'tls.caFile': caFile,
    'tls.certFile': certFile,
    'tls.keyFile': keyFile,
  }
  return Object.entries(files).flatMap(([key, file]) =>
    file === undefined || isReadable(file)
      ? []
      : [`${section}.${key}: ${file} cannot be read by this user`],
  )
}

/** Returns why the folder of a socket cannot be used. Such a folder is not created. */
function socketFolderProblem(folder: string): string | null {
  return statOf(folder) === undefined ? `there is no folder ${folder}` : folderProblem(folder)
}

/** Returns why this folder cannot be used or made. */
function folderProblem(folder: string): string | null {
  const found = statOf(folder)
  if (found !== undefined) {
    if (!found.isDirectory()) return `${folder} is a file, and no folder`
    return isWritable(folder) ? null : `${folder} may not be written to by this user`
  }
  let above = dirname(folder)
  while (statOf(above) === undefined && above !== dirname(above)) above = dirname(above)
  if (statOf(above)?.isDirectory() !== true) {
    return `${folder} cannot be made: ${above} is a file, and no folder`
  }
  return isWritable(above) ? null : `${folder} cannot be made: no permission in ${above}`
}

function statOf(path: string): ReturnType<typeof statSync> | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}
