// The clocks of the machine: the adjustable clock, the monotonic clocks, and the boot that the latter belong to.

import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'

export interface MachineTime {
  /** Milliseconds since 1970: the time of day at the start of the process, continued by a monotonic clock. */
  readonly wallMs: number
  /** The time since the boot, without sleep. */
  readonly awakeMs: number
  /** The time since the boot, with sleep. */
  readonly upMs: number
  /** The id of the boot; empty if the system has none. */
  readonly boot: string
}

export function machineTime(): MachineTime {
  return {
    wallMs: Math.floor(performance.timeOrigin + performance.now()),
    awakeMs: awakeMs(),
    upMs: Math.floor(uptime() * 1_000),
    boot: bootId(),
  }
}

/** Returns how far the adjustable clock is ahead of the monotonic one. The difference changes when the clock is set. */
export function settingMs(): number {
  return Date.now() - awakeMs()
}

export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}

function awakeMs(): number {
  return Math.floor(Number(process.hrtime.bigint() / 1_000_000n))
}
