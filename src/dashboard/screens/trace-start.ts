// Begins a trace, and opens it.

import type { TraceRow } from '../../api/contract/records.ts'
import { request } from '../app/api.ts'
import { go, to } from '../app/route.ts'

const TRACE_SECONDS = 300

export async function startTrace(
  what: { readonly clientId: string } | { readonly filter: string },
): Promise<void> {
  const body = { ...what, seconds: TRACE_SECONDS }
  const { id } = await request<TraceRow>('traces', { method: 'POST', body })
  go(to('trace', { id: String(id) }))
}
