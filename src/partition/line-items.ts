// What goes into a line.

import type { Message } from '../message.ts'
import type { CommitId } from '../store/journal.ts'
import { type Item, itemBytes, type Statement } from './item.ts'
import type { LineItem } from './outgoing-line.ts'
import type { Wanted } from './own-filters.ts'

/** Whether it is a message, which has a number. */
export function isNumbered({ kind }: Item): boolean {
  return kind === 'message' || kind === 'handed-over'
}

/** What may be sent at once. */
export function lineItem(item: Statement): LineItem {
  return { bytes: itemBytes(item), number: null, commitId: 0 }
}

export function filterItem(filter: string, wanted: Wanted | null): LineItem {
  return lineItem({ kind: 'filter', filter, wanted })
}

export const MARKER: LineItem = lineItem({ kind: 'filters-told' })
export const NO_ROOM: LineItem = lineItem({ kind: 'retained-room', hasRoom: false })

/** A message that is published, and has a number if it is stored. */
interface PublishedItem extends LineItem {
  readonly number: number
}

/** Returns the message among what was handed over, or lent, while it was published. Numbers must grow. */
export function inOrder(item: PublishedItem, others: readonly LineItem[]): readonly LineItem[] {
  const isBefore = ({ number }: LineItem): boolean => (number ?? Infinity) < item.number
  return [...others.filter(isBefore), item, ...others.filter(other => !isBefore(other))]
}

/** A message that was delivered last: another filter of the partition may match it as well. */
export interface Newest {
  readonly message: Message
  isStored: boolean
  number: number
  commitId: CommitId
}
