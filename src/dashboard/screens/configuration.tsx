// The configuration that counts: each value, and where it comes from. A text for another file can be checked.

import { useSignal } from '@preact/signals'
import type { ConfigAnswer, ConfigCheckAnswer } from '../../api/contract/administration.ts'
import { request } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { visible, visibleLines } from '../show/format.ts'
import { Action, Failure, Name } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

type Value = ConfigAnswer['items'][number]

const EVERY_SECONDS = 60
const COLUMNS: readonly Column<Value>[] = [
  { label: 'Key', cell: ({ path }) => <Name>{path}</Name> },
  { label: 'Value', cell: ({ value }) => <code>{visibleLines(JSON.stringify(value) ?? '')}</code> },
  { label: 'From', isKey: true, cell: ({ source }) => visible(source) },
]

export function Configuration() {
  const isAll = useSignal(false)
  const { data, error, reload } = useResource<ConfigAnswer>('config', EVERY_SECONDS)
  const rows = (data?.items ?? []).filter(({ source }) => isAll.value || source !== 'default')
  return (
    <section class="stack" aria-labelledby="configuration">
      <div class="head">
        <h2 id="configuration">
          {data === null || data.file === null
            ? 'Configuration'
            : `Configuration of ${visible(data.file)}`}
        </h2>
        <label class="check">
          <input
            type="checkbox"
            checked={isAll.value}
            onChange={event => (isAll.value = event.currentTarget.checked)}
          />
          With defaults
        </label>
      </div>
      <Failure sentence={error} again={reload} />
      {data !== null &&
        (rows.length === 0 ? (
          <p class="dim">Everything is as it is by default.</p>
        ) : (
          <Table caption="Configuration" columns={COLUMNS} rows={rows} keyOf={({ path }) => path} />
        ))}
      <Check />
    </section>
  )
}

/** Checks a text before it becomes the file: nothing is changed here. */
function Check() {
  const text = useSignal('')
  const answer = useSignal<ConfigCheckAnswer | null>(null)
  const check = async (): Promise<void> => {
    answer.value = null
    const body = { text: text.value }
    answer.value = await request<ConfigCheckAnswer>('config/check', { method: 'POST', body })
  }
  return (
    <>
      <h3>Check a file</h3>
      <label class="wide">
        A whole configuration, before it is saved and the broker restarted
        <textarea
          value={text.value}
          spellcheck={false}
          onInput={event => (text.value = event.currentTarget.value)}
        />
      </label>
      <div class="row">
        <Action disabled={text.value === ''} onClick={check}>
          Check
        </Action>
        <span role="status">{answer.value?.isValid === true ? 'It is right.' : ''}</span>
      </div>
      <ul>
        {(answer.value?.errors ?? []).map(({ line, detail }) => (
          <li key={`${line ?? 0} ${detail}`}>
            {line === null ? '' : `Line ${line}: `}
            {visible(detail)}
          </li>
        ))}
      </ul>
    </>
  )
}
