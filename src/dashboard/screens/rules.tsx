// The rules as they are written. What is saved counts at once, if all lines are right and nobody was faster.

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { RulesAnswer } from '../../api/contract/administration.ts'
import { Problem, type ProblemLine, request, sentenceOf } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { to } from '../app/route.ts'
import { isOperator } from '../app/session.ts'
import { ask } from '../show/dialog.tsx'
import { sentence, visible } from '../show/format.ts'
import { Action, Failure } from '../show/parts.tsx'

const NEVER_SECONDS = 86_400

export function Rules() {
  const rules = useResource<RulesAnswer>('rules', NEVER_SECONDS)
  const { data } = rules
  return (
    <section class="stack" aria-labelledby="rules">
      <div class="head">
        <h2 id="rules">Rules {data?.source == null ? '' : `of ${visible(data.source)}`}</h2>
        <span class="actions">
          <a class="button" href={to('explain', { kind: 'access' })}>
            Test a rule
          </a>
        </span>
      </div>
      <Failure sentence={rules.error} again={rules.reload} />
      {data !== null && <Editor key={data.version} rules={data} changed={rules.reload} />}
    </section>
  )
}

interface EditorProps {
  readonly rules: RulesAnswer
  readonly changed: () => void
}

function Editor({ rules, changed }: EditorProps) {
  const text = useSignal(rules.text)
  const error = useSignal<string | null>(null)
  const lines = useSignal<readonly ProblemLine[]>([])
  useEffect(() => {
    text.value = rules.text
  }, [rules, text])
  const save = async (): Promise<void> => {
    try {
      const headers = { 'if-match': rules.version }
      await request('rules', { method: 'PUT', body: { text: text.value }, headers })
      error.value = null
      lines.value = []
      changed()
    } catch (cause) {
      error.value = sentenceOf(cause)
      lines.value = cause instanceof Problem ? cause.errors : []
    }
  }
  const canEdit = isOperator.value && rules.source !== null
  return (
    <>
      {rules.source === null && (
        <p class="dim">
          {rules.text === ''
            ? 'There are no rules in the configuration. Name a file for them there (access.rulesFile) to write them here; Test a rule says what decides without them.'
            : 'These rules are in the configuration. With a file (access.rulesFile) they can be changed here.'}
        </p>
      )}
      {(canEdit || rules.text !== '') && (
        <label class="wide">
          In the format of an acl_file of mosquitto
          <textarea
            class="tall"
            value={text.value}
            readOnly={!canEdit}
            spellcheck={false}
            onInput={event => (text.value = event.currentTarget.value)}
          />
        </label>
      )}
      <Failure sentence={error.value === null ? null : sentence(error.value)} />
      <ul>
        {lines.value.map(({ line, detail }) => (
          <li key={`${line ?? 0} ${detail}`}>
            {line === undefined ? '' : `Line ${line}: `}
            {visible(detail)}
          </li>
        ))}
      </ul>
      {canEdit && (
        <Action class="main" disabled={text.value === rules.text} onClick={() => askSave(save)}>
          Save
        </Action>
      )}
    </>
  )
}

function askSave(save: () => Promise<void>): void {
  ask({
    title: 'Save these rules?',
    verb: 'Save',
    typed: null,
    body: <p>They count at once, also for clients that are connected.</p>,
    act: save,
  })
}
