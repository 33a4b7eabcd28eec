// The documentation below /docs, which the HTTP listener serves without a sign-in, as it does the files of the dashboard: it says
// nothing of this broker. Files are compressed in the package, and read when somebody asks for them; the names are known before,
// so what a URL says never reaches the disk.

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { setHeaders, TYPES } from './dashboard-files.ts'

/** Beside `dist/src`, where the build and the package have it. */
const DIRECTORY = fileURLToPath(new URL('../../docs', import.meta.url))
const PREFIX = '/docs/'
const FIRST_PAGE = 'index.html'

/** As that of the dashboard, and with pictures of its own. */
const POLICY = [
  `default-src 'none'`,
  `script-src 'self'`,
  `style-src 'self'`,
  `connect-src 'self'`,
  `img-src 'self' data:`,
  `base-uri 'none'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
  `require-trusted-types-for 'script'`,
].join('; ')

const unpacked = promisify(gunzip)

interface DocumentationFile {
  readonly name: string
  readonly bytes: number
  readonly tag: string
  /** Kept once they were asked for, so that together they are never more than what the package has. */
  packed: Promise<Buffer> | null
  plain: Promise<Buffer> | null
}

export class DocumentationFiles {
  readonly #directory: string
  /** By what stands behind `/docs/`. Empty if the documentation is not built. */
  readonly #files: ReadonlyMap<string, DocumentationFile>

  constructor(directory = DIRECTORY) {
    this.#directory = directory
    this.#files = manifestIn(directory)
  }

  /** Answers, perhaps later, if there is such a file. */
  answers(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    if (path === PREFIX.slice(0, -1) && this.#files.size > 0) {
      // Relative, so that it is right below any path of a proxy.
      response.writeHead(308, { location: 'docs/', 'content-length': 0 }).end()
      return true
    }
    if (!path.startsWith(PREFIX)) return false
    const file = this.#files.get(path.slice(PREFIX.length) || FIRST_PAGE)
    if (file === undefined) return false
    const type = TYPES.get(extname(file.name)) ?? 'text/plain; charset=utf-8'
    const isHashed = file.name.startsWith('assets/')
    setHeaders(response, { tag: `"${file.tag}"`, type, isHashed }, POLICY)
    if (request.headers['if-none-match'] === `"${file.tag}"`) {
      response.writeHead(304).end()
      return true
    }
    const isPacked = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
    if (isPacked) response.setHeader('content-encoding', 'gzip')
    const body = isPacked ? this.#packed(file) : this.#plain(file)
    body.then(
      bytes => {
        response.writeHead(200, { 'content-type': type, 'content-length': bytes.length })
        response.end(request.method === 'HEAD' ? undefined : bytes)
      },
      () => {
        file.packed = null
        file.plain = null
        response.removeHeader('content-encoding')
        response.writeHead(500, { 'content-type': 'text/plain', 'cache-control': 'no-store' })
        response.end('This page could not be read: the package was changed or removed.\n')
      },
    )
    return true
  }

  #packed(file: DocumentationFile): Promise<Buffer> {
    file.packed ??= readFile(join(this.#directory, `${file.name}.gz`))
    return file.packed
  }

  #plain(file: DocumentationFile): Promise<Buffer> {
    file.plain ??= this.#packed(file).then(packed =>
      unpacked(packed, { maxOutputLength: file.bytes }),
    )
    return file.plain
  }
}

function manifestIn(directory: string): ReadonlyMap<string, DocumentationFile> {
  let text: string
  try {
    text = readFileSync(join(directory, 'manifest.json'), 'utf8')
  } catch {
    return new Map()
  }
  const names = JSON.parse(text) as Readonly<Record<string, readonly [number, string]>>
  return new Map(
    Object.entries(names).map(([name, [bytes, tag]]) => [
      name,
      { name, bytes, tag, packed: null, plain: null },
    ]),
  )
}
