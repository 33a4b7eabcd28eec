// The options of a delivery in the ledger: QoS, RETAIN and marks, in one number.

import type { QoS } from '../../packet/packet.ts'

/** The options of a queued delivery. Its QoS is in the two lowest bits. */
export const RETAIN = 4
/** It has Subscription Identifiers, which are in another table. */
export const IDENTIFIED = 8
/** QoS 2, sent to a member without a stored session: it goes to no other member [MQTT-4.8.2-5]. */
export const BEGUN = 16
/**
 * The QoS and RETAIN that the group queued a delivery with, while it is sent to a member: in three bits that a queued delivery
 * does not use. The QoS is never 0, except in stores of a version that did not keep it.
 */
const QUEUED_SHIFT = 5
const QUEUED_BITS = 7

/** QoS and RETAIN as a delivery keeps them. */
export function optionsOf(change: { readonly qos: QoS; readonly retain: boolean }): number {
  return change.qos | (change.retain ? RETAIN : 0)
}

/** Returns the options of a delivery that is sent to a member: they keep those with which the group queued it. */
export function optionsSent(sent: number, queued: number): number {
  return sent | ((queued & QUEUED_BITS) << QUEUED_SHIFT)
}

/** Returns the options with which it was queued before it was sent to a member. */
export function optionsQueued(sent: number): number {
  const queued = sent >> QUEUED_SHIFT
  return queued === 0 ? sent & QUEUED_BITS : queued
}
