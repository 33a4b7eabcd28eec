// Pondhawk as it is built here, with its default limits. Only scenarios that need more raise some of them.

import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { stringify } from 'yaml'
import { variableName } from '../../src/config/environment.ts'
import type { BrokerKind, Needs, Place } from './broker.ts'

const CLI = join(import.meta.dirname, '../../bundle/command/pondhawk.js')
const CONNECTIONS = 20_000
const MANY = 20_000_000
const MANY_BYTES = 16 * 1_024 ** 3

/** `profileDirectory` is where Node leaves CPU profiles when it ends; null for none. */
export function pondhawk(profileDirectory: string | null): BrokerKind {
  return buildOf('pondhawk', CLI, profileDirectory)
}

/** Another build of Pondhawk, from its directory: for example an earlier version. */
export function otherBuild(directory: string): BrokerKind {
  return buildOf('before', commandOf(directory), null)
}

/** The same build with two processes for the sockets of clients. */
export function frontEnded(profileDirectory: string | null): BrokerKind {
  return buildOf('front-ends', CLI, profileDirectory, () => ({ frontEnds: 2 }))
}

/** The same build with its log in a stream of this server of NATS. Its CPU is that of the broker alone. */
export function inNats(server: string, profileDirectory: string | null): BrokerKind {
  return buildOf('jetstream', CLI, profileDirectory, ({ directory }) => ({
    store: {
      directory: join(directory, 'pondhawk-data'),
      jetstream: { servers: [server], stream: `bench-${basename(directory)}-${Date.now()}` },
    },
  }))
}

/** The same builds with rules that cannot decide about a whole subscription, so that each delivery is checked. */
export function restricted(before: string): readonly BrokerKind[] {
  const own = buildOf('restricted', CLI, null, () => RESTRICTING)
  if (before === '') return [own]
  return [own, buildOf('before-restricted', commandOf(before), null, () => RESTRICTING)]
}

const RESTRICTING = { access: { rules: 'topic deny bench/all/99999\ntopic readwrite #\n' } }

/** Builds of before had no bundle. */
function commandOf(directory: string): string {
  const bundle = join(directory, 'dist/bundle/command/pondhawk.js')
  return existsSync(bundle) ? bundle : join(directory, 'dist/src/cli.js')
}

function buildOf(
  name: string,
  cli: string,
  profileDirectory: string | null,
  special: (place: Place) => object = () => ({}),
): BrokerKind {
  const profiling =
    profileDirectory === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`]
  return {
    name,
    lacks: needs =>
      needs.durability !== null && !hasStore(cli) ? 'this build keeps nothing on disk' : null,
    command: (needs, place) => {
      const file = join(place.directory, 'pondhawk.yaml')
      writeFileSync(file, stringify({ ...configOf(cli, needs, place), ...special(place) }))
      return [process.execPath, ...profiling, cli, 'start', '--config', file]
    },
  }
}

function configOf(cli: string, needs: Needs, place: Place): Record<string, unknown> {
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
    limits: { ...manyLimits(cli), ...(needs.isLarge ? largeLimits() : {}) },
    // A scenario without a level gets the default. Its store is in the directory of the run, and is deleted with it.
    ...(hasStore(cli) ? { store: storeConfig(needs, directory) } : {}),
  }
}

function storeConfig({ durability }: Needs, directory: string): Record<string, unknown> {
  const place = { directory: join(directory, 'pondhawk-data') }
  return durability === null ? place : { ...place, durability }
}

/** All clients of a benchmark come from one address, as fast as they can. */
const MANY_LIMITS = {
  connectionsPerAddressMax: CONNECTIONS,
  strangersPerAddressMax: 0,
  connectionsPerSecondMax: 0,
  connectionsPerSecondPerAddressMax: 0,
  connectsPerSecondMax: 0,
  takeoversPerMinuteMax: 0,
  sessionsPerUserMax: MANY,
  subscriptionsPerUserMax: MANY,
}

/** Those that this build knows. */
function manyLimits(cli: string): Record<string, unknown> {
  const known = Object.entries(MANY_LIMITS).filter(([name, value]) =>
    takes(cli, variableName(['limits', name]), String(value)),
  )
  return Object.fromEntries(known)
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

/** Whether this build has the key `store.durability`. */
function hasStore(cli: string): boolean {
  return takes(cli, 'PONDHAWK_STORE__DURABILITY', 'os')
}

const answers = new Map<string, boolean>()

/** Whether this build has the key of this variable. */
function takes(cli: string, variable: string, value: string): boolean {
  const question = `${cli} ${variable}`
  const answer =
    answers.get(question) ??
    spawnSync(process.execPath, [cli, 'check', '--config', '/dev/null'], {
      env: { ...process.env, [variable]: value },
    }).status === 0
  answers.set(question, answer)
  return answer
}
