// Records the calls of our functions in order, by stepping through them with the debugger.

import { Worker } from 'node:worker_threads'

/** One function entered. */
export interface Call {
  /** Below `src/`. */
  readonly file: string
  readonly name: string
  /** How many of our functions were running, with this one. */
  readonly depth: number
}

/** The calls of functions of `src/` that `talk` brings about before it returns. */
export async function recordedCalls(talk: () => void): Promise<readonly Call[]> {
  const stepper = new Worker(new URL('stepper.js', import.meta.url))
  try {
    await nextMessage(stepper)
    recordingBegins()
    talk()
    recordingEnds()
    return (await nextMessage(stepper)) as readonly Call[]
  } finally {
    await stepper.terminate()
  }
}

function nextMessage(stepper: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    stepper.once('message', resolve)
    stepper.once('error', reject)
  })
}

function recordingBegins(): void {
  // oxlint-disable-next-line no-debugger -- the stepper begins here
  debugger
}

function recordingEnds(): void {
  // oxlint-disable-next-line no-debugger -- and ends here
  debugger
}
