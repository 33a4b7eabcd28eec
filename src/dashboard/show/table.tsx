// Lists: tables that become two lines a row on a narrow screen, and pages of 50 that are not read again under somebody's pointer.

import { type Signal, useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { withQuery } from '../app/api.ts'
import { type Resource, useResource } from '../app/resource.ts'
import { count } from './format.ts'
import { Failure } from './parts.tsx'

export interface Column<Row> {
  readonly label: string
  readonly isNumber?: boolean
  /** The one figure that stands beside the name on a narrow screen. */
  readonly isKey?: boolean
  /** By which the list can be sorted. */
  readonly sort?: string
  readonly cell: (row: Row) => ComponentChildren
}

interface TableProps<Row> {
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  readonly sorted?: string
  readonly onSort?: (sort: string) => void
  readonly isHeld?: Signal<boolean>
}

export function Table<Row>(props: TableProps<Row>) {
  const { caption, columns, rows, keyOf, isHeld } = props
  const hold = (held: boolean) => () => {
    if (isHeld !== undefined) isHeld.value = held
  }
  return (
    <div
      class="table"
      onPointerEnter={hold(true)}
      onPointerLeave={hold(false)}
      onFocusIn={hold(true)}
      onFocusOut={hold(false)}
    >
      <table class="narrow">
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(column => (
              <Heading key={column.label} column={column} {...props} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(row => (
            <tr key={keyOf(row)}>
              {columns.map(({ label, isNumber, isKey, cell }) => (
                <td
                  key={label}
                  data-label={label}
                  class={`${isNumber === true ? 'number' : ''}${isKey === true ? ' key' : ''}`}
                >
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

interface HeadingProps<Row> extends TableProps<Row> {
  readonly column: Column<Row>
}

function Heading<Row>({ column, sorted, onSort }: HeadingProps<Row>) {
  const { label, isNumber, sort } = column
  const name = isNumber === true ? 'number' : ''
  if (sort === undefined || onSort === undefined) {
    return (
      <th scope="col" class={name}>
        {label}
      </th>
    )
  }
  const direction = sorted === sort ? 'ascending' : sorted === `-${sort}` ? 'descending' : 'none'
  const next =
    direction === 'none' && isNumber === true
      ? `-${sort}`
      : direction === 'ascending'
        ? `-${sort}`
        : sort
  return (
    <th scope="col" class={name} aria-sort={direction}>
      <button type="button" onClick={() => onSort(next)}>
        {label}
        {direction !== 'none' && (
          <span aria-hidden="true">{direction === 'ascending' ? '↑' : '↓'}</span>
        )}
      </button>
    </th>
  )
}

/** One page of a list, as the API gives it. */
interface ListPage<Row> {
  readonly items: readonly Row[]
  readonly nextCursor: string | null
  readonly matched?: number | null
  readonly total?: number | null
}

interface Listing<Row> extends Resource<ListPage<Row>> {
  readonly isHeld: Signal<boolean>
  readonly page: number
  readonly next: (() => void) | null
  readonly previous: (() => void) | null
}

type Parameters = Readonly<Record<string, string | number | boolean | null>>

/** Reads a list page by page. Other parameters begin at the first page again. */
export function useListing<Row>(
  path: string | null,
  parameters: Parameters,
  everySeconds = 10,
): Listing<Row> {
  const isHeld = useSignal(false)
  const cursors = useSignal<readonly string[]>([])
  const base = path === null ? null : withQuery(path, parameters)
  useEffect(() => {
    cursors.value = []
  }, [base, cursors])
  const cursor = cursors.value.at(-1)
  const whole =
    cursor === undefined || path === null ? base : withQuery(path, { ...parameters, cursor })
  const resource = useResource<ListPage<Row>>(whole, everySeconds, isHeld)
  const next = resource.data?.nextCursor ?? null
  return {
    ...resource,
    isHeld,
    page: cursors.value.length + 1,
    next: next === null ? null : () => (cursors.value = [...cursors.value, next]),
    previous:
      cursors.value.length === 0 ? null : () => (cursors.value = cursors.value.slice(0, -1)),
  }
}

interface ListProps<Row> {
  readonly listing: Listing<Row>
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly keyOf: (row: Row) => string
  readonly empty: ComponentChildren
  readonly sorted?: string
  readonly onSort?: (sort: string) => void
}

/** A list with its pages, its error, or what would fill it. */
export function List<Row>({ listing, empty, ...table }: ListProps<Row>) {
  const { data, error, reload } = listing
  return (
    <>
      <Failure sentence={error} again={reload} />
      {data === null ? (
        error === null && <p class="dim">–</p>
      ) : data.items.length === 0 ? (
        <p class="dim">{empty}</p>
      ) : (
        <Table {...table} rows={data.items} isHeld={listing.isHeld} />
      )}
      <Pages listing={listing} />
    </>
  )
}

function Pages<Row>({ listing }: { readonly listing: Listing<Row> }) {
  const { data, next, previous, page } = listing
  if (data === null || (next === null && previous === null)) return null
  const amount = data.matched ?? data.total
  return (
    <nav class="pages" aria-label="Pages of the list">
      <button type="button" disabled={previous === null} onClick={() => previous?.()}>
        Previous
      </button>
      <span>
        Page {page}
        {amount !== null &&
          amount !== undefined &&
          ` of ${count(Math.ceil(amount / 50))}, ${count(amount)} in all`}
      </span>
      <button type="button" disabled={next === null} onClick={() => next?.()}>
        Next
      </button>
    </nav>
  )
}
