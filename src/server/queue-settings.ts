// The configuration's `queues` section, in the form that the broker uses.

import type { QueuesSettings } from '../broker/named-queues.ts'
import type { Config } from '../config/config-types.ts'

/** `random` returns numbers from 0 up to, but not including, 1. */
export function queueSettingsOf({ queues }: Config, random: () => number): QueuesSettings {
  const { create, created, named } = queues
  return { create, created, named: new Map(Object.entries(named)), random }
}
