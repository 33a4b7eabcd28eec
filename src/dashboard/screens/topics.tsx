// Topics as a tree: what messages pass, and what is retained below each level.

import { useSignal } from '@preact/signals'
import { useId, useRef } from 'preact/hooks'
import type { TopicRow, TopicsPage } from '../../api/contract/records.ts'
import { withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import type { ScreenProps } from '../app/screens.ts'
import { to } from '../app/route.ts'
import { count, rate, visible } from '../show/format.ts'
import { Empty, Failure } from '../show/parts.tsx'
import { DeleteRetained } from './delete-retained.tsx'

const CHILDREN_MAX = 200

export default function Topics({ query }: ScreenProps) {
  const under = query.get('under') ?? ''
  const tree = useRef<HTMLUListElement>(null)
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>{under === '' ? 'Topics' : `Topics below ${visible(under)}`}</h1>
        <span class="actions">
          <DeleteRetained filter={under === '' ? '' : `${under}/#`} />
        </span>
      </div>
      <ul
        class="tree"
        role="tree"
        aria-label="Topics"
        ref={tree}
        onKeyDown={event => walk(event, tree.current)}
      >
        <Branch under={under} level={1} />
      </ul>
    </div>
  )
}

interface BranchProps {
  readonly under: string
  readonly level: number
}

function Branch({ under, level }: BranchProps) {
  const limit = useSignal(CHILDREN_MAX)
  const topics = useResource<TopicsPage>(withQuery('topics', { under, limit: limit.value }), 5)
  const { data, error, reload } = topics
  if (data === null)
    return (
      <li role="none">
        <Failure sentence={error} again={reload} />
      </li>
    )
  if (data.items.length === 0 && level === 1) {
    return (
      <li role="none">
        <Empty>Topics appear here as messages pass, and where messages are retained.</Empty>
      </li>
    )
  }
  return (
    <>
      {data.items.map((row, index) => (
        <Node
          key={row.topic}
          row={row}
          under={under}
          level={level}
          isFirst={level === 1 && index === 0}
          isOpenAtFirst={data.items.length === 1}
        />
      ))}
      {data.nextCursor !== null && (
        <li role="none" class="dim small">
          More than {count(data.items.length)} here: open a branch, or search.
        </li>
      )}
      {level === 1 && data.sampledOneIn > 1 && (
        <li role="none" class="dim small">
          Rates are estimated: one message in {count(data.sampledOneIn)} is looked at.
        </li>
      )}
    </>
  )
}

interface NodeProps extends BranchProps {
  readonly row: TopicRow
  readonly isFirst: boolean
  readonly isOpenAtFirst: boolean
}

function Node({ row, under, level, isFirst, isOpenAtFirst }: NodeProps) {
  const isOpen = useSignal(isOpenAtFirst && row.hasChildren)
  const name = row.topic.slice(under === '' ? 0 : under.length + 1)
  const group = useId()
  const address = to('topic', { name: row.topic })
  return (
    <li role="none">
      <div
        class="node"
        role="treeitem"
        aria-level={level}
        aria-selected="false"
        {...(row.hasChildren && { 'aria-expanded': isOpen.value ? 'true' : 'false' })}
        {...(isOpen.value && { 'aria-owns': group })}
        tabIndex={isFirst ? 0 : -1}
        data-href={address}
      >
        <span
          class="twisty"
          aria-hidden="true"
          onClick={() => (isOpen.value = row.hasChildren && !isOpen.value)}
        >
          {row.hasChildren ? (isOpen.value ? '▾' : '▸') : ''}
        </span>
        <a href={address} tabIndex={-1} class="name">
          {name === '' ? '""' : visible(name)}
        </a>
        {row.isRetained && <small>retained</small>}
        {row.messagesRate > 0 && <small>{rate(row.messagesRate)}/s</small>}
        {(row.retainedBelow ?? 0) > 0 && <small>{count(row.retainedBelow)} retained below</small>}
      </div>
      {isOpen.value && (
        <ul role="group" id={group}>
          <Branch under={row.topic} level={level + 1} />
        </ul>
      )}
    </li>
  )
}

/** Arrows as in every tree: up and down, right opens, left closes or goes to the parent. */
function walk(event: KeyboardEvent, tree: HTMLElement | null): void {
  const items = [...(tree?.querySelectorAll<HTMLElement>('[role=treeitem]') ?? [])]
  const here =
    (event.target instanceof Element
      ? event.target.closest<HTMLElement>('[role=treeitem]')
      : null) ?? items[0]
  if (here === undefined) return
  const expanded = here.getAttribute('aria-expanded')
  const moves: Readonly<Record<string, () => HTMLElement | null | undefined>> = {
    ArrowDown: () => items[items.indexOf(here) + 1],
    ArrowUp: () => items[items.indexOf(here) - 1],
    Home: () => items[0],
    End: () => items.at(-1),
    ArrowRight: () =>
      expanded === 'true' ? items[items.indexOf(here) + 1] : toggled(here, expanded === 'false'),
    ArrowLeft: () =>
      expanded === 'true'
        ? toggled(here, true)
        : here.closest('ul')?.parentElement?.querySelector<HTMLElement>('[role=treeitem]'),
    Enter: () => {
      location.hash = here.dataset['href'] ?? location.hash
      return null
    },
  }
  const move = moves[event.key]
  if (move === undefined) return
  event.preventDefault()
  const next = move()
  if (next === null || next === undefined) return
  for (const item of items) item.tabIndex = item === next ? 0 : -1
  next.focus()
}

function toggled(item: HTMLElement, isWanted: boolean): null {
  if (isWanted) item.querySelector<HTMLElement>('.twisty')?.click()
  return null
}
