// Whether Pondhawk answers: after 5 s without any answer all figures are old, and the page says so.

import { computed, signal } from '@preact/signals'

const OLD_AFTER_MS = 5_000

/** Ticks each second, for ages and clocks. */
export const now = signal(Date.now())
export const lastAnswerAt = signal(Date.now())
/** How far the broker's clock is ahead of this computer's. */
export const clockSkewMs = signal(0)

export const isStale = computed(() => now.value - lastAnswerAt.value > OLD_AFTER_MS)
export const silentSeconds = computed(() => Math.round((now.value - lastAnswerAt.value) / 1_000))

export function answered(): void {
  lastAnswerAt.value = Date.now()
}

/** Compares the clocks by the time of an answer. */
export function serverTime(at: string): void {
  const time = Date.parse(at)
  if (!Number.isNaN(time)) clockSkewMs.value = time - Date.now()
}

setInterval(() => (now.value = Date.now()), 1_000)
