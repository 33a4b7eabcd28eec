// The page of results: docs/reference/interoperability.md.

import type { Trial } from './trial.ts'

export interface Result {
  readonly trial: Trial
  readonly version: string
  /** Null when all went well. */
  readonly failure: string | null
}

const HEAD = `# Interoperability

Programs that people use with a broker, each tried as it is, unmodified and with its own defaults. This page is written by
\`npm run interop -- --docs\`, which installs what is missing (as root on Debian), runs every row against a broker with its
durable store and says what went wrong. What runs in seconds is part of \`npm test\` too (\`test/interop\`).

| program | version | what was exchanged | verdict |
| --- | --- | --- | --- |
`

export function page(results: readonly Result[]): string {
  const rows = results.map(({ trial, version, failure }) =>
    [trial.program, version, trial.what, failure === null ? 'works' : `fails: ${failure}`]
      .map(cell => cell.replaceAll('|', '\\|').replaceAll('\n', ' '))
      .join(' | '),
  )
  return `${HEAD}${rows.map(row => `| ${row} |`).join('\n')}\n`
}
