import type { Message } from '../message.ts'
export type ShareStrategyName = 'round-robin'
export const isShareStrategyName = (t: string): t is ShareStrategyName => t === 'round-robin'
export interface ShareMember { readonly clientId: string; readonly weight: number; readonly inFlight: number }
export interface ShareStrategy<M extends ShareMember> { join(m: M): void; leave(m: M): void; add(m: M): void; remove(m: M): void; next(message: Message): M | null; settled(m: M): void; ownerOf(message: Message): M | null }
export function createStrategy<M extends ShareMember>(_n: ShareStrategyName, _r: () => number): ShareStrategy<M> {
  const ready: M[] = []
  return { join() {}, leave() {}, add(m) { ready.push(m) }, remove(m) { ready.splice(ready.indexOf(m), 1) }, next() { const m = ready.shift(); if (m) ready.push(m); return m ?? null }, settled() {}, ownerOf: () => null }
}
