// Asks V8 for a complete collection of the heap, which Node offers only behind a flag.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | null = null

/** It takes as long as any collection of the whole heap: milliseconds for each ten megabytes. */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
}
