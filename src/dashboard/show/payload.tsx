// A payload as text, JSON or hexadecimal: as much as the API gave, and how much that is.

import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import type { MessageRow } from '../../api/contract/messages.ts'
import { bytes, bytesOf, visibleLines } from './format.ts'
import { Action, Choice } from './parts.tsx'

type PayloadRow = Pick<MessageRow, 'payload' | 'payloadBytes' | 'encoding' | 'truncated'>

const LINE_CHARACTERS_MAX = 120

/** In a list: the beginning, on one line. */
export function Payload({ row }: { readonly row: PayloadRow }) {
  if (row.payload === null) return <span class="dim">not shown</span>
  const text = row.encoding === 'base64' ? hexOf(row.payload) : row.payload
  const start = text.slice(0, LINE_CHARACTERS_MAX)
  return (
    <code>
      {visibleLines(start).replaceAll('\n', ' ')}
      {(start.length < text.length || row.truncated) && '…'}
    </code>
  )
}

type Form = 'text' | 'json' | 'hex'

/** The most that is shown; what is longer can be saved as a file. */
export const SHOWN_BYTES_MAX = 65_536

interface PayloadViewProps {
  readonly row: PayloadRow
  /** Reads as much as is shown at most. */
  readonly more: () => Promise<PayloadRow | undefined>
  /** Where the whole payload is. */
  readonly href: string
}

/** As much as is known of it, in a form that can be chosen; the rest on demand. */
export function PayloadView({ row: first, more, href }: PayloadViewProps) {
  const longer = useSignal<PayloadRow | null>(null)
  useEffect(() => {
    longer.value = null
  }, [first.payload, first.payloadBytes, longer])
  const row = longer.value ?? first
  const canGrow = row.truncated && row.payloadBytes <= SHOWN_BYTES_MAX
  return (
    <Shown row={row}>
      {canGrow && (
        <Action forViewers onClick={async () => (longer.value = (await more()) ?? null)}>
          All
        </Action>
      )}
      {row.truncated && !canGrow && (
        <a class="button" href={href} download="payload">
          Download
        </a>
      )}
    </Shown>
  )
}

interface ShownProps {
  readonly row: PayloadRow
  readonly children: ComponentChildren
}

function Shown({ row, children }: ShownProps) {
  const isText = row.encoding === 'utf8'
  const json = isText && !row.truncated ? prettyJson(row.payload ?? '') : null
  const form = useSignal<Form>(json !== null ? 'json' : isText ? 'text' : 'hex')
  if (row.payload === null)
    return <p class="dim">Payloads are not shown to viewers (dashboard.viewersSeePayloads).</p>
  if (row.payloadBytes === 0) return <p class="dim">The payload is empty.</p>
  const options: (readonly [Form, string])[] = [
    ...(isText ? [['text', 'Text'] as const] : []),
    ...(json !== null ? [['json', 'JSON'] as const] : []),
    ['hex', 'Hex'],
  ]
  const shown = options.some(([name]) => name === form.value) ? form.value : 'hex'
  return (
    <div>
      <div class="head">
        <Choice
          label="Form of the payload"
          value={shown}
          options={options}
          onChange={next => (form.value = next)}
        />
        <span class="dim small">{sizeOf(row)}</span>
        {children}
      </div>
      <pre class="payload" tabIndex={0} role="group" aria-label="Payload">
        {shown === 'json'
          ? visibleLines(json ?? '')
          : shown === 'text'
            ? visibleLines(row.payload)
            : hexLines(row)}
      </pre>
    </div>
  )
}

/** `24 B`, or `4 of 68.2 KiB` if it is cut. */
function sizeOf({ payload, payloadBytes, encoding, truncated }: PayloadRow): string {
  if (!truncated || payload === null) return bytes(payloadBytes)
  const shown =
    encoding === 'base64' ? binaryOf(payload).length : new TextEncoder().encode(payload).length
  return bytesOf(shown, payloadBytes)
}

function prettyJson(text: string): string | null {
  if (!/^\s*[[{]/.test(text)) return null
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return null
  }
}

function binaryOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), sign => sign.charCodeAt(0))
}

function hexOf(base64: string): string {
  return [...binaryOf(base64)].map(each => each.toString(16).padStart(2, '0')).join(' ')
}

const ROW_BYTES = 16

/** `0000  68 69 …  hi`. */
function hexLines({ payload, encoding }: PayloadRow): string {
  const all =
    encoding === 'base64' ? binaryOf(payload ?? '') : new TextEncoder().encode(payload ?? '')
  const lines: string[] = []
  for (let at = 0; at < all.length; at += ROW_BYTES) {
    const row = [...all.subarray(at, at + ROW_BYTES)]
    const hex = row.map(each => each.toString(16).padStart(2, '0')).join(' ')
    const signs = row
      .map(each => (each > 31 && each < 127 ? String.fromCharCode(each) : '.'))
      .join('')
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(ROW_BYTES * 3)} ${signs}`)
  }
  return lines.join('\n')
}
