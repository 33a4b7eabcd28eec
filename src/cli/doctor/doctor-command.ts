// `pondhawk doctor`: looks for what would keep a broker from running well here, and says what to do.

import type { Config } from '../../config/config-types.ts'
import { thrownSentence } from '../../thrown.ts'
import type { Words } from '../flags.ts'
import { fileProblems, listenerProblems } from '../../server/config-problems.ts'
import { isRunning } from '../admin-client.ts'
import { certificateFindings } from './certificates.ts'
import { diskFindings } from './disk.ts'
import { type Finding, fine, problem } from './finding.ts'
import { machineFindings } from './machine.ts'
import { portFindings } from './ports.ts'

interface Examined {
  readonly output: string
  readonly status: 0 | 1
}

/** Returns 1 for a problem; a warning alone is 0. */
export async function doctorCommand(
  { values }: Words,
  load: () => Config,
  file: string | null,
): Promise<Examined> {
  const findings = await findingsOf(load, file)
  const status = findings.some(({ level }) => level === 'problem') ? 1 : 0
  if (values['json'] === true) return { output: `${JSON.stringify(findings)}\n`, status }
  return { output: reportOf(findings), status }
}

async function findingsOf(load: () => Config, file: string | null): Promise<readonly Finding[]> {
  let config: Config
  try {
    config = load()
  } catch (error) {
    const sentence = thrownSentence(error)
    return [
      problem('configuration', sentence, 'correct it; pondhawk check tells when it is right'),
      ...machineFindings(0),
    ]
  }
  const runs = await isRunning(config)
  return [
    ...(await configFindings(config, file)),
    ...(await portFindings(config, runs)),
    ...(await diskFindings(config)),
    ...(await certificateFindings(config)),
    ...machineFindings(config.listeners.length, config.limits.connectionsMax),
  ]
}

async function configFindings(config: Config, file: string | null): Promise<readonly Finding[]> {
  const problems = [...listenerProblems(config, file), ...(await fileProblems(config))]
  const from = file ?? 'the defaults'
  if (problems.length === 0) return [fine('configuration', `${from}: nothing is wrong`)]
  return problems.map(each =>
    problem(
      'configuration',
      each,
      `correct it in ${file ?? 'pondhawk.yaml, which pondhawk init makes'}`,
    ),
  )
}

const SIGNS = { fine: '●', warning: '▲', problem: '■' } as const

function reportOf(findings: readonly Finding[]): string {
  const width = findings.reduce((most, { what }) => Math.max(most, what.length), 0)
  const lines = findings.flatMap(({ what, level, sentence, mend }) => [
    `${SIGNS[level]} ${what.padEnd(width)}  ${sentence}`,
    ...(mend === null ? [] : [`  ${' '.repeat(width)}  → ${mend}`]),
  ])
  const count = (wanted: Finding['level']): number =>
    findings.filter(({ level }) => level === wanted).length
  const total = `${inWords(count('problem'), 'problem')}, ${inWords(count('warning'), 'warning')}`
  return `${[...lines, '', total].join('\n')}\n`
}

function inWords(count: number, what: string): string {
  return `${count === 0 ? 'no' : count} ${what}${count === 1 ? '' : 's'}`
}
