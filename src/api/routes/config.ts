// The configuration: what it amounts to, its file, and changes of it.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { AccessFileError } from '../../access/access-file.ts'
import { editFile, EditError } from '../../access/edit-file.ts'
import type { Config } from '../../config/config-types.ts'
import { showsSecret, withChanges, withoutSecrets, withSecrets } from '../../config/edits.ts'
import {
  changedPaths,
  type ConfigOrigin,
  entriesOf,
  flaggedIn,
  variableAbove,
} from '../../config/entries.ts'
import { namesIn } from '../../config/environment.ts'
import { loadConfig, rawValuesOf } from '../../config/load.ts'
import { isLongYaml } from '../../config/yaml-text.ts'
import { thrownSentence } from '../../thrown.ts'
import {
  configAnswer,
  configCheckAnswer,
  configCheckRequest,
  configEdited,
  configFileAnswer,
  configRequest,
} from '../contract/administration.ts'
import { askedVersion, checkVersion, versionOf } from '../file-version.ts'
import type { ApiParts } from '../parts.ts'
import { Problem } from '../problem.ts'
import { OPERATORS, READERS, type Route, route } from '../route.ts'

const FILE = 'pondhawk.yaml'
const ERRORS_MAX = 100
/** What a running broker takes over at once. */
const APPLIES_NOW = 'log.level'

export function configRoutes(parts: ApiParts): readonly Route[] {
  const { config, origin } = parts
  return [
    route({
      method: 'GET',
      path: '/config',
      roles: READERS,
      summary: 'Every key of the configuration, its value, and where that comes from',
      answer: configAnswer,
      handle() {
        const level = parts.getLogLevel()
        const changed = new Map(level === null ? [] : [[APPLIES_NOW, level]])
        return { file: origin?.file ?? null, items: [...entriesOf(config, origin, changed)] }
      },
    }),
    route({
      method: 'GET',
      path: '/config/file',
      roles: OPERATORS,
      summary: 'The text of the configuration file, with `(a hash 1)` in the place of each hash',
      answer: configFileAnswer,
      handle({ headers }) {
        const { file } = editable(origin)
        const text = textOf(file)
        headers.set('etag', versionOf(text))
        return { file, text: withoutSecrets(text), version: versionOf(text) }
      },
    }),
    route({
      method: 'POST',
      path: '/config/check',
      roles: OPERATORS,
      summary:
        'Says what is wrong with the text of a configuration file, by line, and what it would change. Nothing changes',
      body: configCheckRequest,
      answer: configCheckAnswer,
      isQuiet: true,
      async handle({ body }) {
        checkLength(body.text)
        const file = origin?.file ?? null
        const before = file !== null && existsSync(file) ? textOf(file) : ''
        const { text, unknown } = withSecrets(body.text, before)
        const errors =
          unknown === null
            ? await errorsIn(parts, text)
            : [{ line: null, detail: noSuchHash(unknown) }]
        const effect = errors.length === 0 ? effectOf(parts, text) : NO_EFFECT
        return { isValid: errors.length === 0, errors: errors.slice(0, ERRORS_MAX), ...effect }
      },
    }),
    editingRoute(parts),
  ]
}

function editingRoute(parts: ApiParts): Route {
  return route({
    method: 'PUT',
    path: '/config',
    roles: OPERATORS,
    summary:
      'Writes the configuration file, if it is still as If-Match says: a whole text, or single values, with comments kept',
    body: configRequest,
    answer: configEdited,
    async handle({ body, asked, headers }) {
      const { origin } = parts
      const { file } = editable(origin)
      const version = askedVersion(asked, 'config/file')
      if ('text' in body) checkLength(body.text)
      const before = textOf(file)
      checkVersion(before, version, 'the configuration file')
      const text = 'text' in body ? wholeText(body.text, before) : changedText(before, file, body)
      const errors = await errorsIn(parts, text)
      if (errors.length > 0) throw wrong(errors)
      if (showsSecret(rawValuesOf(text), before)) {
        throw new Problem(
          422,
          'a hash of the file would be shown there: hashes belong to access.users',
        )
      }
      checkOverridden(parts, before, text)
      const effect = effectOf(parts, text)
      const mode = statSync(file).mode & 0o777
      await edited(() =>
        editFile(
          file,
          now => {
            checkVersion(now, version, 'the configuration file')
            return text
          },
          mode,
        ),
      )
      if (effect.now.includes(APPLIES_NOW)) parts.setLogLevel(levelIn(parts, text))
      headers.set('etag', versionOf(text))
      return { file, version: versionOf(text), ...effect }
    },
  })
}

/** Throws Problem. */
function checkLength(text: string): void {
  if (!isLongYaml(text)) return
  throw new Problem(
    413,
    'the text has more words and signs than are read from far: edit the file on the machine of the broker',
  )
}

/** Throws Problem. */
function editable(origin: ConfigOrigin | null): ConfigOrigin & { readonly file: string } {
  if (origin === null) {
    throw new Problem(409, 'a program has made the configuration: change it there')
  }
  const { file, mapped } = origin
  if (mapped !== undefined) {
    throw new Problem(
      409,
      `${file} is a mosquitto.conf: edit it on the machine, or have pondhawk import make a pondhawk.yaml of it`,
    )
  }
  if (file !== null) return { ...origin, file }
  throw new Problem(
    409,
    'the broker runs without a configuration file: pondhawk init writes one, and a restart reads it',
  )
}

/** Throws Problem. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Problem(409, `${file} cannot be read (${code ?? 'unknown error'})`)
  }
}

/** Throws Problem. */
function wholeText(asked: string, before: string): string {
  const { text, unknown } = withSecrets(asked, before)
  if (unknown === null) return text
  const line = asked.slice(0, asked.indexOf(unknown)).split('\n').length
  throw wrong([{ line, detail: noSuchHash(unknown) }])
}

function noSuchHash(place: string): string {
  return `${place} stands for no hash of the file: leave such places as they were read, or write a hash`
}

type Changes = Extract<ReturnType<typeof configRequest.parse>, { changes: unknown }>

/** Throws Problem. */
function changedText(before: string, file: string, { changes }: Changes): string {
  if (JSON.stringify(changes).includes('(a hash')) {
    throw new Problem(422, '(a hash) stands for what is not shown: leave it out, or give a hash')
  }
  try {
    return withChanges(before, file, changes)
  } catch (error) {
    throw new Problem(422, thrownSentence(error))
  }
}

interface Line {
  readonly line: number | null
  readonly detail: string
}

function wrong(errors: readonly Line[]): Problem {
  const [first] = errors
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  const place = first?.line == null ? '' : `line ${first.line}: `
  return new Problem(422, `${place}${first?.detail ?? ''}${more}`, {
    errors: errors.slice(0, 20).map(({ line, detail }) => ({
      path: '',
      detail,
      ...(line !== null && { line }),
    })),
  })
}

/** A value that a variable or a flag sets would not change. Throws Problem. */
function checkOverridden({ config, origin }: ApiParts, before: string, after: string): void {
  if (origin === null) return
  const variables = namesIn(origin.environment)
  const flagged = flaggedIn(config, origin)
  const errors = changedPaths(rawValuesOf(before), rawValuesOf(after)).flatMap(path => {
    const key = path.join('.')
    const variable = variableAbove(path, variables)
    if (variable !== null)
      return [{ line: null, detail: `${key} comes from ${variable}: change it there` }]
    return flagged.has(key)
      ? [{ line: null, detail: `${key} comes from a flag of the command line: change it there` }]
      : []
  })
  if (errors.length === 0) return
  throw new Problem(409, errors.map(({ detail }) => detail).join('; '))
}

interface Effect {
  readonly now: string[]
  readonly restart: string[]
}

const NO_EFFECT: Effect = { now: [], restart: [] }

/** What a valid text would change of the running broker: at once, or with a restart. */
function effectOf({ config, origin, getLogLevel }: ApiParts, text: string): Effect {
  if (origin === null) return NO_EFFECT
  const flagged = flaggedIn(config, origin)
  const after = loaded(origin, text)
  const level = getLogLevel()
  const isNow = level !== null && level !== after.log.level && !flagged.has(APPLIES_NOW)
  const paths = changedPaths(config, after).map(path => path.join('.'))
  return {
    now: isNow ? [APPLIES_NOW] : [],
    restart: paths.filter(path => path !== APPLIES_NOW && !flagged.has(path)),
  }
}

function levelIn({ origin, config }: ApiParts, text: string): string {
  return origin === null ? config.log.level : loaded(origin, text).log.level
}

function loaded({ file, environment }: ConfigOrigin, text: string): Config {
  return loadConfig({ file, text, environment, overrides: {} })
}

async function errorsIn({ origin, configProblems }: ApiParts, text: string): Promise<Line[]> {
  const file = origin?.file ?? FILE
  try {
    const config = loadConfig({ file, text, environment: origin?.environment ?? {}, overrides: {} })
    return (await configProblems(config)).map(detail => ({ line: null, detail }))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_CONFIG')) throw error
    // A sentence has its place before it, and below it the line with a caret, indented.
    const sentences = error.message.split('\n').filter(line => !line.startsWith('      '))
    return sentences.map(sentence => {
      if (!sentence.startsWith(`${file}:`)) return { line: null, detail: sentence }
      const [, line, detail = ''] = /^:(\d+):\d+ +(.*)$/.exec(sentence.slice(file.length)) ?? []
      return line === undefined
        ? { line: null, detail: sentence.slice(file.length + 1).trim() }
        : { line: Number(line), detail }
    })
  }
}

async function edited(edit: () => Promise<void>): Promise<void> {
  try {
    await edit()
  } catch (error) {
    if (error instanceof EditError || error instanceof AccessFileError) {
      throw new Problem(409, error.message)
    }
    throw error
  }
}
