// A payload as text, JSON or hexadecimal: as much as the API gave, and how much that is.

import { useSignal } from '@preact/signals'
import type { MessageRow } from '../../api/contract/messages.ts'
import { bytes, visibleLines } from './format.ts'
import { Choice } from './parts.tsx'

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

/** The whole of it, in a form that can be chosen. */
export function PayloadView({ row }: { readonly row: PayloadRow }) {
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

/** `24 B`, or `4.0 of 68.2 KiB` if it is cut. */
function sizeOf({ payload, payloadBytes, encoding, truncated }: PayloadRow): string {
  if (!truncated || payload === null) return bytes(payloadBytes)
  const shown =
    encoding === 'base64' ? bytesOf(payload).length : new TextEncoder().encode(payload).length
  return `${bytes(shown)} of ${bytes(payloadBytes)}`
}

function prettyJson(text: string): string | null {
  if (!/^\s*[[{]/.test(text)) return null
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return null
  }
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), sign => sign.charCodeAt(0))
}

function hexOf(base64: string): string {
  return [...bytesOf(base64)].map(each => each.toString(16).padStart(2, '0')).join(' ')
}

const ROW_BYTES = 16

/** `0000  68 69 …  hi`. */
function hexLines({ payload, encoding }: PayloadRow): string {
  const all =
    encoding === 'base64' ? bytesOf(payload ?? '') : new TextEncoder().encode(payload ?? '')
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
