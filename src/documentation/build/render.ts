// One page in Markdown as HTML, and what its search knows of it.

import { Marked, type Token, type Tokens } from 'marked'
import { type Page, targetOf } from './pages.ts'

export interface Section {
  /** The anchor; empty above the first one. */
  readonly anchor: string
  readonly heading: string
  text: string
}

interface Rendered {
  readonly html: string
  readonly sections: readonly Section[]
  /** By its address, where the repository has it. */
  readonly files: ReadonlyMap<string, string>
}

export function rendered(page: Page, pages: readonly Page[]): Rendered {
  const marked = new Marked({ gfm: true })
  const tokens = marked.lexer(page.text)
  const sections = sectionsOf(tokens, page.title)
  const files = new Map<string, string>()
  const addressOf = (href: string): string | null => {
    const target = targetOf(href, page, pages)
    if (target?.file) files.set(target.file.address, target.file.source)
    return target === null ? null : escaped(target.href)
  }
  let headings = 0
  marked.use({
    renderer: {
      heading({ tokens: inner, depth }) {
        const { anchor } = sections[headings++] ?? { anchor: '' }
        return `<h${depth} id="${anchor}">${this.parser.parseInline(inner)}</h${depth}>\n`
      },
      link({ href, tokens: inner }) {
        const address = addressOf(href)
        const text = this.parser.parseInline(inner)
        return address === null ? text : `<a href="${address}">${text}</a>`
      },
      image({ href, text }) {
        // Pictures of the dashboard are left out: it is one click away.
        const address = href.endsWith('.svg') ? addressOf(href) : null
        return address === null ? '' : `<img src="${address}" alt="${escaped(text)}">`
      },
      code({ text, lang = '' }) {
        const label = lang === '' ? 'Text' : `Code, ${lang}`
        return `<pre tabindex="0" role="region" aria-label="${escaped(label)}"><code>${escaped(text)}</code></pre>\n`
      },
      table(token) {
        const table = tableOf(token, inner => this.parser.parseInline(inner))
        return `<div class="table" tabindex="0" role="region" aria-label="Table">${table}</div>\n`
      },
      // Comments are for the tests; no page has other HTML.
      html: () => '',
    },
  })
  return { html: marked.parser(tokens), sections, files }
}

/** The headings with the text below each. Headings stand at the top level of a page, never within a list. */
function sectionsOf(tokens: readonly Token[], title: string): readonly Section[] {
  const seen = new Map<string, number>()
  const sections: Section[] = []
  for (const token of tokens) {
    if (token.type === 'heading') {
      const heading = plain((token as Tokens.Heading).text)
      sections.push({ anchor: slugOf(heading, seen), heading, text: '' })
      continue
    }
    if (sections.length === 0) sections.push({ anchor: '', heading: title, text: '' })
    const last = sections.at(-1)
    if (last !== undefined && token.type !== 'html') last.text += ` ${token.raw}`
  }
  return sections
}

function tableOf(
  { header, rows, align }: Tokens.Table,
  inline: (tokens: Token[]) => string,
): string {
  const cell = (name: 'th' | 'td', { tokens }: Tokens.TableCell, index: number): string => {
    const side = align[index] === 'right' ? ' class="number"' : ''
    const scope = name === 'th' ? ' scope="col"' : ''
    return `<${name}${scope}${side}>${inline(tokens)}</${name}>`
  }
  const head = header.map((each, index) => cell('th', each, index)).join('')
  const body = rows.map(
    row => `<tr>${row.map((each, index) => cell('td', each, index)).join('')}</tr>`,
  )
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table>`
}

/** As GitHub makes it, so that links to a heading lead to the same place there and here. */
function slugOf(heading: string, seen: Map<string, number>): string {
  const slug = heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-')
  const times = seen.get(slug) ?? 0
  seen.set(slug, times + 1)
  return times === 0 ? slug : `${slug}-${times}`
}

function plain(markdown: string): string {
  return markdown.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '')
}

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
