// Waits until a stream takes more, or is closed.

import type { Writable } from 'node:stream'

export function drained(stream: Writable): Promise<void> {
  return new Promise(settle => {
    const goOn = (): void => {
      stream.off('drain', goOn).off('close', goOn)
      settle()
    }
    stream.on('drain', goOn).on('close', goOn)
    if (stream.destroyed) goOn()
  })
}
