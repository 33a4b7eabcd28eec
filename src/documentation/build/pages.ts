// Which files are pages, and where each is in the browser.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { dirname, join, relative } from 'node:path/posix'

export const ROOT: string = resolve(import.meta.dirname, '../../..')

export interface Page {
  /** In the repository. */
  readonly source: string
  /** Below `/docs/`. */
  readonly address: string
  readonly title: string
  readonly text: string
}

interface Group {
  readonly title: string
  readonly folder: string
}

/** The decisions are long to list, so only the first page has them. */
export const GROUPS: readonly Group[] = [
  { title: 'Tutorial', folder: 'docs/tutorial' },
  { title: 'How to', folder: 'docs/how-to' },
  { title: 'Reference', folder: 'docs/reference' },
  { title: 'Explanation', folder: 'docs/explanation' },
]
export const DECISIONS: Group = { title: 'Decisions', folder: 'docs/decisions' }
const OTHERS = [
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'STYLE.md',
  'certs/README.md',
]
/** The order in which a stranger reads them; all others are in that of their titles. */
const FIRST = ['first-minute', 'page-in-the-browser', 'secure-it']

export function readPages(): readonly Page[] {
  const inDocs = readdirSync(resolve(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name.replaceAll('\\', '/')}`)
  return [...inDocs, ...OTHERS.filter(name => existsSync(resolve(ROOT, name)))].map(source => {
    const text = readFileSync(resolve(ROOT, source), 'utf8')
    const title = /^# (.*)$/m.exec(text)?.[1]?.replaceAll(/[`*]/g, '') ?? source
    const address = source.replace(/^docs\//, '').replace(/\.md$/, '.html')
    return { source, address, title, text }
  })
}

export function pagesOf(group: Group, pages: readonly Page[]): readonly Page[] {
  const isInOrder = group === DECISIONS
  const keyOf = ({ source, title }: Page): string => {
    const place = FIRST.findIndex(name => source.includes(name))
    return isInOrder ? source : `${place < 0 ? FIRST.length : place} ${title.toLowerCase()}`
  }
  return pages
    .filter(({ source }) => dirname(source) === group.folder)
    .toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1))
}

/** Files that pages show or link to, and the browser can show. */
const SHOWN_AS_TEXT = /^(?:config|certs|examples\/messaging)\/[\w./-]+$|^Dockerfile$/

/** What a link of a page leads to in the browser; null if it is nothing that is served. */
export function targetOf(href: string, page: Page, pages: readonly Page[]): Target | null {
  if (/^https?:/.test(href)) return { href, file: null }
  const [path = '', anchor] = href.split('#')
  const hash = anchor === undefined ? '' : `#${anchor}`
  if (path === '') return { href: hash, file: null }
  const source = join(dirname(page.source), path)
  const group = [...GROUPS, DECISIONS].find(({ folder }) => folder === source)
  if (group !== undefined)
    return { href: `${from(page, 'index.html')}#${anchorOf(group)}`, file: null }
  const found = pages.find(each => each.source === source)
  if (found !== undefined) return { href: `${from(page, found.address)}${hash}`, file: null }
  if (!existsSync(resolve(ROOT, source))) return null
  if (source.endsWith('.svg')) {
    const address = source.replace(/^docs\//, '')
    return { href: from(page, address), file: { source, address } }
  }
  if (!SHOWN_AS_TEXT.test(source)) return null
  const address = `files/${source}.txt`
  return { href: from(page, address), file: { source, address } }
}

interface Target {
  readonly href: string
  /** What must be served for it. */
  readonly file: { readonly source: string; readonly address: string } | null
}

export function anchorOf({ title }: Group): string {
  return title.toLowerCase().replaceAll(' ', '-')
}

/** Relative, so that all works below any path of a proxy. */
export function from({ address }: Pick<Page, 'address'>, to: string): string {
  return relative(dirname(address), to)
}
