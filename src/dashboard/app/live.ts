// The broker's status and its figures of each second: by the stream, or asked for while there is no stream.

import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { StatusAnswer } from '../../api/contract/status.ts'
import { isStale, serverTime } from './answering.ts'
import { request } from './api.ts'
import { isStreaming, startStream, stopStream, useFrames } from './stream.ts'

export const status = signal<StatusAnswer | null>(null)

const ASK_MS = 2_000
const RETRY_SECONDS = [1, 2, 4, 8, 15]
let failures = 0
let nextAt = 0
let isAsking = false

/** Keeps the status fresh while the frame is shown. */
export function useLive(isOn: boolean): void {
  useFrames('status', took)
  useEffect(() => {
    if (!isOn) return
    startStream()
    void ask()
    const timer = setInterval(() => {
      if (document.hidden || (isStreaming.peek() && !isStale.peek())) return
      if (Date.now() >= nextAt) void ask()
    }, 500)
    return () => {
      clearInterval(timer)
      stopStream()
    }
  }, [isOn])
}

/** Asks at once. */
export function pulse(): void {
  void ask()
}

async function ask(): Promise<void> {
  if (isAsking) return
  isAsking = true
  try {
    took(await request<StatusAnswer>('status'))
    failures = 0
    nextAt = Date.now() + ASK_MS
  } catch {
    nextAt =
      Date.now() + (RETRY_SECONDS[Math.min(failures++, RETRY_SECONDS.length - 1)] ?? 15) * 1_000
  }
  isAsking = false
}

function took(frame: unknown): void {
  // Checked by the contract's tests on the server's side.
  status.value = frame as StatusAnswer
  serverTime(status.value.at)
}
