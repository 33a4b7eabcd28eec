// Writes the pages, the index and the manifest beside what vite has built.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'
import { anchorOf, DECISIONS, from, GROUPS, type Page, pagesOf, readPages, ROOT } from './pages.ts'
import { escaped, rendered } from './render.ts'
import { searchIndex } from './search-index.ts'

/** The icon of the dashboard. */
const ICON = /href="(data:image[^"]+)"/.exec(
  readFileSync(resolve(ROOT, 'src/dashboard/index.html'), 'utf8'),
)?.[1]

export function documentation(): Plugin {
  return {
    name: 'documentation',
    generateBundle(_options, bundle) {
      const assets = Object.keys(bundle)
      const files = new Map<string, Buffer>()
      for (const [name, output] of Object.entries(bundle)) {
        files.set(name, Buffer.from(output.type === 'chunk' ? output.code : output.source))
        delete bundle[name]
      }
      for (const [address, text] of textFiles(assets)) files.set(address, text)
      const manifest: Record<string, readonly [bytes: number, tag: string]> = {}
      for (const [fileName, body] of files) {
        const tag = createHash('sha256').update(body).digest('base64url').slice(0, 22)
        manifest[fileName] = [body.length, tag]
        const source = gzipSync(body, { level: 9 })
        this.emitFile({ type: 'asset', fileName: `${fileName}.gz`, source })
      }
      const source = JSON.stringify(manifest)
      this.emitFile({ type: 'asset', fileName: 'manifest.json', source })
    },
  }
}

function textFiles(assets: readonly string[]): ReadonlyMap<string, Buffer> {
  const pages = readPages()
  const all = pages.map(page => ({ page, ...rendered(page, pages) }))
  const first = { address: 'index.html', title: 'Documentation' }
  const texts: [string, string][] = [
    [first.address, document(first, firstPage(pages), pages, assets)],
    ...all.map(({ page, html }): [string, string] => [
      page.address,
      document(page, html, pages, assets),
    ]),
    ['search.json', JSON.stringify(searchIndex(all))],
    ...all.flatMap(({ files }) =>
      [...files].map(([address, source]): [string, string] => [
        address,
        readFileSync(resolve(ROOT, source), 'utf8'),
      ]),
    ),
  ]
  return new Map(texts.map(([address, text]) => [address, Buffer.from(text)]))
}

function firstPage(pages: readonly Page[]): string {
  const list = (links: readonly Page[]): string => {
    const items = links.map(
      ({ address, title }) => `<li><a href="${address}">${escaped(title)}</a></li>`,
    )
    return `<ul>${items.join('\n')}</ul>`
  }
  const lists = [...GROUPS, DECISIONS].map(
    group => `<h2 id="${anchorOf(group)}">${group.title}</h2>\n${list(pagesOf(group, pages))}`,
  )
  const others = pages.filter(({ source }) => !source.startsWith('docs/'))
  return `<h1>Documentation</h1>\n${lists.join('\n')}\n<h2>The project</h2>\n${list(others)}`
}

type Addressed = Pick<Page, 'address' | 'title'>

function document(
  page: Addressed,
  main: string,
  pages: readonly Page[],
  assets: readonly string[],
): string {
  const asset = (ending: string): string =>
    from(page, assets.find(name => name.endsWith(ending)) ?? '')
  const first = from(page, 'index.html')
  return `<!doctype html>
<html lang="en" data-root="${first.slice(0, -'index.html'.length)}">
<head>
<meta charset="utf-8">
<title>${escaped(page.title)} · Pondhawk</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="${asset('.css')}">
<script type="module" src="${asset('.js')}"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<div class="frame">
<header class="side">
<a class="brand" href="${first}">Pondhawk</a>
<div id="search" role="search"></div>
<details class="contents" open>
<summary>Contents</summary>
<nav aria-label="Documentation">
${menu(page, pages)}
<p><a href="${first === 'index.html' ? '..' : first.replace('index.html', '..')}/">Dashboard</a></p>
</nav>
</details>
</header>
<main id="main" class="page" tabindex="-1">
${main}
</main>
</div>
</body>
</html>
`
}

function menu(page: Addressed, pages: readonly Page[]): string {
  const groups = GROUPS.map(group => {
    const links = pagesOf(group, pages).map(({ address, title }) => {
      const current = address === page.address ? ' aria-current="page"' : ''
      return `<li><a href="${from(page, address)}"${current}>${escaped(title)}</a></li>`
    })
    return `<p>${group.title}</p><ul>${links.join('\n')}</ul>`
  })
  return groups.join('\n')
}
