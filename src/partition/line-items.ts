// What goes into a line.

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

export type NumberedItem = LineItem & { readonly number: number }

/** Returns the item among the others, which are in order: numbers grow, and what is not stored comes first. */
export function inOrder(
  item: NumberedItem,
  others: readonly NumberedItem[],
): readonly NumberedItem[] {
  const isLater = (other: NumberedItem): boolean => other.number > item.number
  return [...others.filter(other => !isLater(other)), item, ...others.filter(isLater)]
}
