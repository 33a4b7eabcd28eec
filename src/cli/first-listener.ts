// The listener that a flag such as `--port` means.

import type { Config, ListenerConfig } from '../config/config-types.ts'

/** Returns the index of the first listener of this protocol that has a port; -1 for none. */
export function firstListener(
  { listeners }: Pick<Config, 'listeners'>,
  protocol: ListenerConfig['protocol'] | undefined,
): number {
  return listeners.findIndex(each => each.protocol === protocol && each.path === undefined)
}
