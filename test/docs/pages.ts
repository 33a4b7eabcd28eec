// The pages of the documentation, and the blocks of code in them. What a test must know of a block is in comments right above it,
// which no reader sees: `<!-- not run: docker -->`, `<!-- file: rules.acl -->` (`<!-- in: the folder of the repository that has it -->`),
// `<!-- printed -->`, `<!-- fails -->`, `<!-- runs on: what it prints when it is ready -->`.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT: string = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

/** Scripts of the repository. They are not run here: CI runs what they do, and many take minutes. */
export const NPM = /^(?:\w+=(?:"[^"]*"|\S+) )?npm /

export interface Block {
  readonly language: string
  readonly code: string
  /** By its name: what stands behind it, or nothing. */
  readonly marks: ReadonlyMap<string, string>
  /** Of its fence, counted from 1. */
  readonly line: number
}

export function pages(): readonly string[] {
  const inDocs = readdirSync(resolve(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  return [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'certs/README.md',
    ...inDocs.map(name => `docs/${name}`),
  ].filter(name => name.endsWith('.md'))
}

export function textOf(page: string): string {
  return readFileSync(resolve(ROOT, page), 'utf8')
}

export function blocksOf(page: string): readonly Block[] {
  const text = textOf(page)
  return [...text.matchAll(/((?:^<!--.*-->\n)*)^```(\w*)\n([^]*?)^```$/gm)].map(match => {
    const [, comments = '', language = '', code = ''] = match
    const before = text.slice(0, match.index + comments.length)
    return { language, code, marks: marksIn(comments), line: before.split('\n').length }
  })
}

function marksIn(comments: string): ReadonlyMap<string, string> {
  return new Map(
    [...comments.matchAll(/<!-- ([\w ]+?)(?:: (.*?))? -->/g)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  )
}

/** The lines of all shell blocks that are run, each command on one line. */
export function commandsIn({ code }: Block): readonly string[] {
  return code
    .replaceAll(/ *\\\n\s*/g, ' ')
    .split('\n')
    .filter(line => line.trim() !== '' && !line.startsWith('#'))
}

/** The anchors of a page as GitHub makes them: of its headings. */
export function anchorsOf(page: string): ReadonlySet<string> {
  const prose = textOf(page).replaceAll(/^```[^]*?^```$/gm, '')
  const seen = new Map<string, number>()
  const anchors = [...prose.matchAll(/^#{1,6} (.*)$/gm)].map(([, heading = '']) => {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-')
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    return times === 0 ? slug : `${slug}-${times}`
  })
  return new Set(anchors)
}
