// The configuration: what it amounts to, and whether another file would do.

import { entriesOf } from '../../config/entries.ts'
import { loadConfig } from '../../config/load.ts'
import { configAnswer, configCheckAnswer, configCheckRequest } from '../contract/administration.ts'
import type { ApiParts } from '../parts.ts'
import { OPERATORS, READERS, type Route, route } from '../route.ts'

const FILE = 'pondhawk.yaml'
const ERRORS_MAX = 100

export function configRoutes({ config, origin }: ApiParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/config',
      roles: READERS,
      summary: 'Every key of the configuration, its value, and where that comes from',
      answer: configAnswer,
      handle: () => ({ file: origin?.file ?? null, items: [...entriesOf(config, origin)] }),
    }),
    route({
      method: 'POST',
      path: '/config/check',
      roles: OPERATORS,
      summary: 'Says what is wrong with the text of a configuration file, by line. Nothing changes',
      body: configCheckRequest,
      answer: configCheckAnswer,
      isQuiet: true,
      handle({ body: { text } }) {
        const errors = errorsIn(text, origin?.file ?? FILE, origin?.environment ?? {})
        return { isValid: errors.length === 0, errors: errors.slice(0, ERRORS_MAX) }
      },
    }),
  ]
}

function errorsIn(
  text: string,
  file: string,
  environment: Parameters<typeof loadConfig>[0]['environment'],
): { line: number | null; detail: string }[] {
  try {
    loadConfig({ file, text, environment, overrides: {} })
    return []
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
