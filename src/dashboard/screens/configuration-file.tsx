// The file of the configuration: checked line by line, compared with what it was, and written if nobody was faster.

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type {
  ConfigCheckAnswer,
  ConfigEdited,
  ConfigFileAnswer,
} from '../../api/contract/administration.ts'
import { request } from '../app/api.ts'
import { type Resource, useResource } from '../app/resource.ts'
import { ask } from '../show/dialog.tsx'
import { sentence, visible } from '../show/format.ts'
import { lineDiff } from '../show/line-diff.ts'
import { Action, Failure } from '../show/parts.tsx'

const NEVER_SECONDS = 86_400
/** A program has made the configuration, or there is no file. */
const NO_FILE = 409

export function ConfigurationFile({ written }: { readonly written: () => void }) {
  const file = useResource<ConfigFileAnswer>('config/file', NEVER_SECONDS)
  const { data, error, status, reload } = file
  if (status === NO_FILE && error !== null) {
    return (
      <>
        <h3>Check a file</h3>
        <p class="dim">{sentence(error)}</p>
        <Editor file={null} written={written} />
      </>
    )
  }
  return (
    <>
      <h3>Edit the file</h3>
      <Failure sentence={error} again={reload} />
      {data !== null && <Whole key={data.version} file={file} data={data} written={written} />}
    </>
  )
}

interface WholeProps {
  readonly file: Resource<ConfigFileAnswer>
  readonly data: ConfigFileAnswer
  readonly written: () => void
}

function Whole({ file, data, written }: WholeProps) {
  return (
    <Editor
      file={data}
      written={() => {
        file.reload()
        written()
      }}
    />
  )
}

interface EditorProps {
  /** Null if there is no file that could be written. */
  readonly file: ConfigFileAnswer | null
  readonly written: () => void
}

function Editor({ file, written }: EditorProps) {
  const before = file?.text ?? ''
  const text = useSignal(before)
  const answer = useSignal<ConfigCheckAnswer | null>(null)
  useEffect(() => {
    answer.value = null
  }, [text.value, answer])
  const check = async (): Promise<ConfigCheckAnswer> => {
    const body = { text: text.value }
    return request<ConfigCheckAnswer>('config/check', { method: 'POST', body })
  }
  const apply = async (): Promise<void> => {
    const checked = await check()
    answer.value = checked
    if (checked.isValid && file !== null) askApply(file, text.value, checked, written)
  }
  return (
    <>
      <label class="wide">
        {file === null
          ? 'A whole configuration, before it is saved and the broker restarted'
          : 'In YAML or JSON. (a hash 1) stands for a hash of a password, and stays'}
        <textarea
          class={file === null ? '' : 'tall'}
          value={text.value}
          spellcheck={false}
          onInput={event => (text.value = event.currentTarget.value)}
        />
      </label>
      <div class="row">
        <Action disabled={text.value === ''} onClick={async () => (answer.value = await check())}>
          Check
        </Action>
        {file !== null && (
          <Action class="main" disabled={text.value === before} onClick={apply}>
            Apply
          </Action>
        )}
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

function askApply(
  { text: before, version }: ConfigFileAnswer,
  text: string,
  { now, restart }: ConfigCheckAnswer,
  written: () => void,
): void {
  ask({
    title: 'Write this configuration?',
    verb: 'Apply',
    typed: null,
    isWide: true,
    body: (
      <>
        <Diff before={before} after={text} />
        <Effect words="At once" keys={now} />
        <Effect words="After a restart" keys={restart} />
        <p class="dim">Clients stay connected.</p>
      </>
    ),
    act: async () => {
      const headers = { 'if-match': version }
      await request<ConfigEdited>('config', { method: 'PUT', body: { text }, headers })
      written()
    },
  })
}

function Effect({ words, keys }: { readonly words: string; readonly keys: readonly string[] }) {
  if (keys.length === 0) return null
  return (
    <p>
      {words}: {keys.map(visible).join(', ')}
    </p>
  )
}

const MARKS = { kept: ' ', removed: '-', added: '+' } as const

function Diff({ before, after }: { readonly before: string; readonly after: string }) {
  return (
    <pre class="diff" tabIndex={0} role="group" aria-label="What changes">
      {lineDiff(before, after).map(({ kind, text }, at) => {
        const line = `${MARKS[kind]} ${visible(text)}`
        if (kind === 'added') return <ins key={at}>{line}</ins>
        return kind === 'removed' ? <del key={at}>{line}</del> : <span key={at}>{line}</span>
      })}
    </pre>
  )
}
