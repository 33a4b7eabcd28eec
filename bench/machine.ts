// Describes the machine of the measurement.

import { closeSync, fdatasyncSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import { join } from 'node:path'
import { aedesVersion } from './brokers/aedes.ts'
import { mosquittoVersion } from './brokers/mosquitto.ts'
import type { Machine } from './report/results.ts'

const SYNCS = 200
const SYNC_BYTES = 512

export function describeMachine(directory: string): Machine {
  const manifest = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'),
  ) as { version: string }
  return {
    processor: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    kernel: `${type()} ${release()}`,
    versions: {
      node: process.versions.node,
      pondhawk: manifest.version,
      mosquitto: mosquittoVersion() ?? 'none',
      aedes: aedesVersion(),
    },
    syncMicroseconds: measureSync(directory),
  }
}

function measureSync(directory: string): Machine['syncMicroseconds'] {
  const path = join(directory, 'sync-probe')
  const file = openSync(path, 'w')
  const bytes = Buffer.alloc(SYNC_BYTES, 1)
  const times: number[] = []
  for (let count = 0; count < SYNCS; count++) {
    const startedAt = performance.now()
    writeSync(file, bytes)
    fdatasyncSync(file)
    times.push((performance.now() - startedAt) * 1_000)
  }
  closeSync(file)
  unlinkSync(path)
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number => Math.round(sorted[Math.floor(SYNCS * share)] ?? 0)
  return { p50: at(0.5), p99: at(0.99) }
}
