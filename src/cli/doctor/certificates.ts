// Until when the certificates of the listeners count.

import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Config } from '../../config/config-types.ts'
import { type Finding, fine, problem, warning } from './finding.ts'

const DAY_MS = 86_400_000
/** The alarm of the dashboard begins at the same time. */
const SOON_DAYS = 14

export async function certificateFindings({ listeners }: Config): Promise<readonly Finding[]> {
  const files = listeners.flatMap(({ tls }) => [
    tls?.certFile,
    ...Object.values(tls?.sni ?? {}).map(({ certFile }) => certFile),
  ])
  const findings: Finding[] = []
  for (const file of new Set(files)) if (file !== undefined) findings.push(await findingOf(file))
  return findings
}

async function findingOf(file: string): Promise<Finding> {
  const what = 'certificate'
  let certificate
  try {
    certificate = new X509Certificate(await readFile(file))
  } catch {
    // The configuration's finding has the cause.
    return problem(what, `${file} cannot be read`, 'see the finding of the configuration')
  }
  const mend = 'renew it; the running broker reads the file again by itself'
  const from = new Date(certificate.validFrom).getTime()
  const to = new Date(certificate.validTo).getTime()
  const days = Math.floor((to - Date.now()) / DAY_MS)
  const until = new Date(to).toISOString().slice(0, 10)
  if (from > Date.now()) {
    return problem(
      what,
      `${file} counts only from ${certificate.validFrom}`,
      'see whether the clock is right',
    )
  }
  if (days < 0) return problem(what, `${file} has expired on ${until}`, mend)
  if (days < SOON_DAYS) return warning(what, `${file} expires on ${until}, in ${days} days`, mend)
  return fine(what, `${file} counts until ${until}, for ${days} days`)
}
