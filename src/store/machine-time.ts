// What the machine says of the time: a clock that may be set, clocks that nobody sets, and the boot that those belong to.

import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'

export interface MachineTime {
  /** Milliseconds since 1970, as the process began and from there on by a clock that nobody sets. */
  readonly wallMs: number
  /** Since the machine was started, without the time that it slept. */
  readonly awakeMs: number
  /** Since the machine was started, with it. */
  readonly upMs: number
  /** The boot that the last two are counted from; empty where the system does not tell. */
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

/** How far the clock that may be set is ahead of the one that nobody sets: this changes when it is set. */
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
