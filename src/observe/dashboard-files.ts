// The files of the dashboard, which the HTTP listener serves. They are read once: what a URL says never reaches the disk.

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

/** Beside `dist/src`, where the build and the package have it. */
const DIRECTORY = fileURLToPath(new URL('../../dashboard', import.meta.url))
const PAGE = 'index.html'
export const TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.md', 'text/plain; charset=utf-8'],
  ['.json', 'application/json'],
  ['.svg', 'image/svg+xml'],
])

/** The page may run its own scripts and nothing else, load nothing from elsewhere, and be framed by nobody. */
const POLICY = [
  `default-src 'none'`,
  `script-src 'self'`,
  `style-src 'self'`,
  `connect-src 'self'`,
  `img-src data:`,
  `base-uri 'none'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
  `require-trusted-types-for 'script'`,
].join('; ')

const NOT_BUILT = `<!doctype html><html lang="en"><title>Pondhawk</title>
<p>The dashboard is not built: run <code>npm run build</code>, and start Pondhawk again.</p></html>\n`

interface ServedFile {
  readonly body: Buffer
  readonly type: string
  readonly tag: string
  /** Its name has a hash of its content, so it never changes. */
  readonly isHashed: boolean
  /** Made when a browser asks for it first. */
  compressed: Buffer | null
}

export class DashboardFiles {
  /** By the path of the URL. */
  readonly #files: ReadonlyMap<string, ServedFile>

  constructor(directory = DIRECTORY) {
    this.#files = filesIn(directory)
  }

  /** Answers if there is such a file. */
  answers(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const file = this.#files.get(path)
    if (file === undefined) return false
    const { headers } = request
    setHeaders(response, file, POLICY)
    if (headers['if-none-match'] === file.tag) {
      response.writeHead(304).end()
      return true
    }
    const isCompressed = /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''))
    if (isCompressed) {
      file.compressed ??= gzipSync(file.body, { level: 9 })
      response.setHeader('content-encoding', 'gzip')
    }
    const body = isCompressed && file.compressed !== null ? file.compressed : file.body
    response.writeHead(200, { 'content-type': file.type, 'content-length': body.length })
    response.end(request.method === 'HEAD' ? undefined : body)
    return true
  }
}

/** `policy` is the Content Security Policy of a page. */
export function setHeaders(
  response: ServerResponse,
  { tag, isHashed, type }: Pick<ServedFile, 'tag' | 'isHashed' | 'type'>,
  policy: string,
): void {
  response.setHeader('etag', tag)
  response.setHeader('vary', 'accept-encoding')
  response.setHeader('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('referrer-policy', 'no-referrer')
  response.setHeader('cross-origin-resource-policy', 'same-origin')
  // A picture can be opened as a page, too.
  if (type.startsWith('text/html') || type.startsWith('image/')) {
    response.setHeader('content-security-policy', policy)
    response.setHeader('cross-origin-opener-policy', 'same-origin')
  }
}

function filesIn(directory: string): ReadonlyMap<string, ServedFile> {
  if (!existsSync(join(directory, PAGE)))
    return new Map([['/', served(PAGE, Buffer.from(NOT_BUILT))]])
  const names = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && TYPES.has(extname(entry.name)))
    .map(entry => join(entry.parentPath, entry.name))
  return new Map(
    names.map(path => {
      const name = path.slice(directory.length + 1).replaceAll('\\', '/')
      return [name === PAGE ? '/' : `/${name}`, served(name, readFileSync(path))]
    }),
  )
}

function served(name: string, body: Buffer): ServedFile {
  return {
    body,
    type: TYPES.get(extname(name)) ?? 'text/plain; charset=utf-8',
    tag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    isHashed: name.startsWith('assets/'),
    compressed: null,
  }
}
