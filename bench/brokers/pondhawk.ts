// Pondhawk as it is built here, with its default limits. Only scenarios that need more raise some of them.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { BrokerKind, Needs, Place } from './broker.ts'

const CLI = join(import.meta.dirname, '../../src/cli.js')
const CONNECTIONS = 20_000
const MANY = 20_000_000
const MANY_BYTES = 16 * 1_024 ** 3

/** `profileDirectory` is where Node leaves CPU profiles when it ends; null for none. */
export function pondhawk(profileDirectory: string | null): BrokerKind {
  return buildOf('pondhawk', CLI, profileDirectory)
}

/** Another build of Pondhawk, from its directory: for example an earlier version. */
export function otherBuild(directory: string): BrokerKind {
  return buildOf('before', join(directory, 'dist/src/cli.js'), null)
}

/** The same builds with rules that cannot decide about a whole subscription, so that each delivery is checked. */
export function restricted(before: string): readonly BrokerKind[] {
  const own = buildOf('restricted', CLI, null, RESTRICTING)
  if (before === '') return [own]
  return [own, buildOf('before-restricted', join(before, 'dist/src/cli.js'), null, RESTRICTING)]
}

const RESTRICTING = { access: { rules: 'topic deny bench/all/99999\ntopic readwrite #\n' } }

function buildOf(
  name: string,
  cli: string,
  profileDirectory: string | null,
  special: object = {},
): BrokerKind {
  const profiling =
    profileDirectory === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`]
  return {
    name,
    lacks: needs =>
      needs.durability !== null && !hasStore() ? 'this build keeps nothing on disk' : null,
    command: (needs, place) => {
      const file = join(place.directory, 'pondhawk.yaml')
      writeFileSync(file, stringify({ ...configOf(needs, place), ...special }))
      return [process.execPath, ...profiling, cli, 'start', '--config', file]
    },
  }
}

function configOf(needs: Needs, place: Place): Record<string, unknown> {
  const { port, certFile, keyFile, directory } = place
  const listener = {
    port,
    connectionsMax: CONNECTIONS,
    ...(needs.transport === 'websocket' ? { protocol: 'ws' } : {}),
    ...(needs.transport === 'tls' ? { tls: { certFile, keyFile } } : {}),
  }
  return {
    listeners: [listener],
    log: { level: 'warn' },
    limits: needs.isLarge ? { ...manyLimits(), ...largeLimits() } : manyLimits(),
    // A scenario without a level gets the default. Its store is in the directory of the run, and is deleted with it.
    ...(hasStore() ? { store: storeConfig(needs, directory) } : {}),
  }
}

function storeConfig({ durability }: Needs, directory: string): Record<string, unknown> {
  const place = { directory: join(directory, 'pondhawk-data') }
  return durability === null ? place : { ...place, durability }
}

/** All clients of a benchmark come from one address. Earlier versions do not know the keys. */
function manyLimits(): Record<string, unknown> {
  return knowsConnectionsPerAddress()
    ? {
        connectionsPerAddressMax: CONNECTIONS,
        strangersPerAddressMax: 0,
        connectionsPerSecondMax: 0,
        connectionsPerSecondPerAddressMax: 0,
        sessionsPerUserMax: MANY,
        subscriptionsPerUserMax: MANY,
      }
    : {}
}

function largeLimits(): Record<string, unknown> {
  return {
    connectionsMax: CONNECTIONS,
    sessionsMax: MANY,
    queuedMessagesMax: MANY,
    queuedBytesMax: MANY_BYTES,
    retainedMessagesMax: MANY,
    retainedBytesMax: MANY_BYTES,
  }
}

const known = new Map<string, boolean>()

/** Whether this version has the key `store.durability`. */
function hasStore(): boolean {
  return takes('PONDHAWK_STORE__DURABILITY', 'os')
}

function knowsConnectionsPerAddress(): boolean {
  return takes('PONDHAWK_LIMITS__CONNECTIONS_PER_ADDRESS_MAX', '1')
}

/** Whether this version has the key of this variable. */
function takes(variable: string, value: string): boolean {
  const found =
    known.get(variable) ??
    spawnSync(process.execPath, [CLI, 'check', '--config', '/dev/null'], {
      env: { ...process.env, [variable]: value },
    }).status === 0
  known.set(variable, found)
  return found
}
