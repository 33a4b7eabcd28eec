// What became of the transactions of one name, by their numbers, as rows of one array of numbers: an object for each would outlive the
// young generation of the heap, whose collections would copy it twice.

import { OUTCOMES } from './decision.ts'
import type { StoredDecision } from './store.ts'

export type Decision = Omit<StoredDecision, 'clientId' | 'name'>

// The cells of a row.
const NUMBER = 0
const COUNT = 1
const CHECKSUM = 2
const OUTCOME = 3
const AT = 4
const ROW = 5

const PREPARED = OUTCOMES.indexOf('prepared')

export class DecisionList {
  /** A ring of rows in the order of their numbers: mostly the lowest one has made room for the next. */
  #cells: number[]
  #first = 0
  #length = 0

  constructor(cells: number[] = []) {
    this.#cells = cells
    this.#length = cells.length / ROW
  }

  get length(): number {
    return this.#length
  }

  get numbers(): readonly number[] {
    return Array.from({ length: this.#length }, (_, index) => this.#numberAt(index))
  }

  /** Keeps it in place of another of its number. Returns whether there was none. */
  set({ number, count, checksum, outcome, at }: Decision): boolean {
    const behind = this.#lastUpTo(number)
    const isNew = behind === -1 || this.#numberAt(behind) !== number
    const index = isNew ? behind + 1 : behind
    if (isNew) this.#insert(index)
    const start = this.#start(index)
    const cells = this.#cells
    cells[start + NUMBER] = number
    cells[start + COUNT] = count
    cells[start + CHECKSUM] = checksum
    cells[start + OUTCOME] = OUTCOMES.indexOf(outcome)
    cells[start + AT] = at
    return isNew
  }

  at(index: number): Decision {
    const start = this.#start(index)
    const cells = this.#cells
    return {
      number: cells[start + NUMBER] ?? 0,
      count: cells[start + COUNT] ?? 0,
      checksum: cells[start + CHECKSUM] ?? 0,
      outcome: OUTCOMES[cells[start + OUTCOME] ?? 0] ?? 'committed',
      at: cells[start + AT] ?? 0,
    }
  }

  find(number: number): Decision | null {
    const index = this.#lastUpTo(number)
    return index === -1 || this.#numberAt(index) !== number ? null : this.at(index)
  }

  /** The lowest number that is not prepared, or null. */
  get lowestDecided(): number | null {
    for (let index = 0; index < this.#length; index++) {
      if (this.#cells[this.#start(index) + OUTCOME] !== PREPARED) return this.#numberAt(index)
    }
    return null
  }

  get hasPrepared(): boolean {
    for (let index = 0; index < this.#length; index++) {
      if (this.#cells[this.#start(index) + OUTCOME] === PREPARED) return true
    }
    return false
  }

  delete(number: number): void {
    if (this.#length === 0) return
    const index = this.#numberAt(0) === number ? 0 : this.#lastUpTo(number)
    if (index === -1 || this.#numberAt(index) !== number) return
    if (index === 0) this.#first = (this.#first + 1) % this.#rows()
    else for (let to = index; to + 1 < this.#length; to++) this.#move(to + 1, to)
    this.#length -= 1
  }

  /** Those of all numbers, from the lowest on. */
  *[Symbol.iterator](): Iterator<Decision> {
    for (let index = 0; index < this.#length; index++) yield this.at(index)
  }

  copy(): DecisionList {
    return new DecisionList(this.#inOrder())
  }

  #rows(): number {
    return this.#cells.length / ROW
  }

  #start(index: number): number {
    const row = this.#first + index
    const rows = this.#rows()
    return (row < rows ? row : row - rows) * ROW
  }

  #numberAt(index: number): number {
    return this.#cells[this.#start(index) + NUMBER] ?? -1
  }

  /** Returns the place of the last number up to this one, or -1. Numbers grow, so it is at the end. */
  #lastUpTo(number: number): number {
    let index = this.#length - 1
    while (index >= 0 && this.#numberAt(index) > number) index--
    return index
  }

  #insert(index: number): void {
    if (this.#length === this.#rows()) {
      if (this.#first > 0) this.#cells = this.#inOrder()
      this.#first = 0
      this.#cells.push(0, 0, 0, 0, 0)
    }
    this.#length += 1
    for (let to = this.#length - 1; to > index; to--) this.#move(to - 1, to)
  }

  #move(from: number, to: number): void {
    const source = this.#start(from)
    const target = this.#start(to)
    for (let cell = 0; cell < ROW; cell++) {
      this.#cells[target + cell] = this.#cells[source + cell] ?? 0
    }
  }

  #inOrder(): number[] {
    const first = this.#start(0)
    const end = first + this.#length * ROW
    const around = Math.max(0, end - this.#cells.length)
    return this.#cells.slice(first, end).concat(this.#cells.slice(0, around))
  }
}
