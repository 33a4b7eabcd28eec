// A worker that steps the main thread through the code between two `debugger` statements, and records each called function.

import { type Debugger, Session } from 'node:inspector'
import { parentPort } from 'node:worker_threads'
import type { Call } from './recorded-calls.ts'

const OURS = '/dist/src/'
/** Stepping goes through these without a stop. */
const NOT_OURS = ['^node:', '/node_modules/']

const session = new Session()
/** Addresses of scripts, by identifier. */
const scripts = new Map<string, string>()
const calls: Call[] = []
/** How many of our functions were running at the last stop, and whether the last one was about to return. */
let depth = 0
let isReturning = false

session.connectToMainThread()
session.on('Debugger.scriptParsed', ({ params }) => scripts.set(params.scriptId, params.url))
session.on('Debugger.paused', ({ params }) => {
  if (params.callFrames[0]?.functionName === 'recordingEnds') {
    session.post('Debugger.resume')
    parentPort?.postMessage(calls)
    return
  }
  note(params.callFrames)
  session.post('Debugger.stepInto')
})
session.post('Debugger.enable', () => {
  session.post('Debugger.setBlackboxPatterns', { patterns: NOT_OURS }, () => {
    parentPort?.postMessage('ready')
  })
})
// The worker lives until the main thread ends it.
parentPort?.on('message', () => {})

/** A function was entered where the stack has grown, or where one of the same height had returned before. */
function note(frames: readonly Debugger.CallFrame[]): void {
  const ours = frames.map(fileOf).filter(file => file !== null)
  const [top] = frames
  const file = top === undefined ? null : fileOf(top)
  const isEntered = ours.length > depth || (ours.length === depth && isReturning)
  if (top !== undefined && file !== null && isEntered) {
    calls.push({ file, name: top.functionName, depth: ours.length })
  }
  depth = ours.length
  isReturning = file !== null && top?.returnValue !== undefined
}

/** The source file below `src/`; null for what is not ours. */
function fileOf({ location }: Debugger.CallFrame): string | null {
  const url = scripts.get(location.scriptId) ?? ''
  const start = url.indexOf(OURS)
  return start < 0 ? null : url.slice(start + OURS.length).replace(/\.js$/, '.ts')
}
