// The live stream: one EventSource a tab, with what the frame and the open screen ask for. It is closed while the tab is hidden,
// because a browser opens six connections to one origin at most.

import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Frames } from '../../api/contract/stream.ts'
import { answered } from './answering.ts'
import { addressOf } from './api.ts'

type Listener = (frame: unknown) => void
type ListenerTo<Name extends FrameName> = (frame: Frames[Name]) => void

/** Whether figures come by the stream; if not, the frame asks for them. */
export const isStreaming = signal(false)
const RETRY_SECONDS = [1, 2, 4, 8, 15]
const HIDDEN_MS = 500
const NAMES = ['metrics', 'status', 'message', 'log', 'sampled', 'gap'] as const
type FrameName = (typeof NAMES)[number]

const listeners = new Map<FrameName, Set<Listener>>(NAMES.map(name => [name, new Set()]))
/** What the open screen asks for, beside figures. */
const wanted = new Map<string, string>()
let source: EventSource | null = null
let failures = 0
let timer: ReturnType<typeof setTimeout> | undefined
let isOn = false

/** Opens the stream, and keeps it open while the tab can be seen. */
export function startStream(): void {
  isOn = true
  open()
}

export function stopStream(): void {
  isOn = false
  close()
}

/** Calls the listener with each frame of that name while the component is shown. */
export function useFrames<Name extends FrameName>(name: Name, listener: ListenerTo<Name>): void {
  useEffect(() => {
    // The server's tests check each frame by the schema of its name.
    const called = listener as Listener
    const those = listeners.get(name)
    those?.add(called)
    return () => those?.delete(called)
  }, [name, listener])
}

/** Asks for more in the stream while the component is shown: `messages=FILTER`, `log=LEVEL`. */
export function useWanted(name: string, value: string | null): void {
  useEffect(() => {
    if (value === null) return
    wanted.set(name, value)
    reopenSoon()
    return () => {
      wanted.delete(name)
      reopenSoon()
    }
  }, [name, value])
}

/** In a moment: a screen that goes and one that comes are one change. */
function reopenSoon(): void {
  clearTimeout(timer)
  timer = setTimeout(open, 50)
}

function open(): void {
  close()
  if (!isOn || document.hidden) return
  const more = new URLSearchParams([...wanted]).toString()
  source = new EventSource(
    `${addressOf('stream')}?metrics=1&status=1${more === '' ? '' : `&${more}`}`,
  )
  source.addEventListener('open', () => {
    failures = 0
    isStreaming.value = true
    answered()
  })
  source.addEventListener('error', () => {
    close()
    const seconds = RETRY_SECONDS[Math.min(failures, RETRY_SECONDS.length - 1)] ?? 15
    failures++
    timer = setTimeout(open, seconds * 1_000)
  })
  for (const name of NAMES) {
    source.addEventListener(name, ({ data }: MessageEvent<string>) => {
      answered()
      const frame: unknown = JSON.parse(data)
      for (const listener of listeners.get(name) ?? []) listener(frame)
    })
  }
}

function close(): void {
  clearTimeout(timer)
  source?.close()
  source = null
  isStreaming.value = false
}

document.addEventListener('visibilitychange', () => {
  clearTimeout(timer)
  // A tab that is only passed by keeps its stream.
  timer = setTimeout(document.hidden ? close : open, document.hidden ? HIDDEN_MS : 0)
})
