// What a server waits for before it closes its store.

import type { Core } from './core.ts'

/** Resolves when no client has a socket any more. After `drainMs` the remaining sockets are destroyed. */
export async function socketsEnded(core: Core, drainMs: number): Promise<void> {
  const destroyAll = setTimeout(() => {
    for (const socket of core.sockets) socket.destroy()
  }, drainMs)
  await core.whenSocketsEnded()
  clearTimeout(destroyAll)
}

/** Commits all recorded changes before the store is closed, unless a full disk would make this wait for ever. */
export async function committedWithin(core: Core, drainMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const given = new Promise<void>(resolve => {
    timer = setTimeout(resolve, drainMs)
  })
  await Promise.race([core.turn.whenCommitted(), given])
  clearTimeout(timer)
}

/** Throws in a tick of its own, because a stream of the embedding program could catch the error otherwise. */
export function endOfProcess(error: Error): void {
  process.nextTick(() => {
    throw error
  })
}
